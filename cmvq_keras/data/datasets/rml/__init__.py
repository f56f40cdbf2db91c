"""RML: spoken sentences in six emotions, face and voice."""
