"""CREMA-D: spoken sentences in six emotions, face and voice."""
