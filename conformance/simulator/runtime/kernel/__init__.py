"""The simulated kernel: ``sitecustomize.py`` is put on the path of pods' processes and of nothing else."""
