"""`python -m app` is `vectorgate`."""

from app.cli import main

if __name__ == "__main__":
    main()
