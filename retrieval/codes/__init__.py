"""Features -> selected features -> bits -> ranking, held together by a model."""
