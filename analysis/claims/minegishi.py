"""What Minegishi et al. (arXiv 2310.19470) claim."""
