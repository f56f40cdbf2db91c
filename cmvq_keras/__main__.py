"""`python -m cmvq_keras`, for machines where `cmvq` is not on the PATH."""

from cmvq_keras.cli import main

if __name__ == "__main__":
    main(prog_name="cmvq")
