"""Entry point of `python -m stack`, which is what `./lake` becomes."""

from stack.cli import main

if __name__ == "__main__":
    main()
