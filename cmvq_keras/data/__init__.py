"""Raw files of the data sets, and how they become arrays. No Keras in here."""
