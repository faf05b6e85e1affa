"""`python -m app` is `vectorgate`."""

from app.cli import main

main()
