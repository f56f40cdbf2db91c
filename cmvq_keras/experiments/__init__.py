"""Trainings that are to be compared: planned, trained in turn, tabulated.

<out>/comparison.json              what is compared, and on which test samples
<out>/<label>/seed-<k>/            a run folder, and beside its files:
    trial.json                     what was measured; written last
    predictions.npy                label and predicted class of each test sample
    confusions.npy                 in their place for segmentation
    failed.json                    why the training ended without a model
<out>/trials.csv                   a line a trial
<out>/table.csv, .md, .tex, .png   the result
<out>/verdict.json                 what it says, in words
<out>/comparison.html              all of it as one page
"""
