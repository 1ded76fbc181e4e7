"""`python -m desistance` is the command `desistance`."""

from desistance.cli import app

if __name__ == "__main__":
    app(prog_name="desistance")
