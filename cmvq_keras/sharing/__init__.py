"""Run folders on a hub for models: pushed with a card, pulled and checked."""
