"""From decoded values to the arrays that a network sees."""
