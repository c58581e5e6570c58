"""Several processes that train one model: who they are, how they meet, what they tell each other.

torch.distributed does the talking; processes are started here, by torchrun or by Slurm.
"""
