"""What a trained model is worth: scores, missing modalities, information in bits."""
