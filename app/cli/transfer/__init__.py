"""Records on their way between files and a collection or table: readers and writers, the door to the data, and what carries them."""
