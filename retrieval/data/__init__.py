"""Where pictures come from: folders, public data sets, the synthetic sample."""
