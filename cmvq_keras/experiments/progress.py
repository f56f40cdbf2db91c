"""What a person sees while a comparison trains."""


class ProgressReporter:
    """Says nothing; the command line has one that prints."""

    def planned(self, text):
        """A line on what is going to be trained, and why."""

    def starts(self, trial, number, total):
        """The `number`-th of `total` trials starts; finished ones are counted."""

    def preparing(self, split, done, total):
        """So many samples of a split are prepared."""

    def epoch(self, number, total):
        """An epoch has ended."""

    def ends(self, result, seconds_left):
        """A trial has ended with a `Result`; so long may the others take."""
