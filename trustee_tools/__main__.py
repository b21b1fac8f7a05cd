"""Lets `python -m trustee_tools` start the program where no console script is installed."""

from trustee_tools.cli import main

if __name__ == "__main__":
    main()
