"""One file per thing that stands on the site."""
