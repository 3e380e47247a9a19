# a model for a laptop
n_embd = 32
block_size = 16
batch_size = 8
max_iters = 40
eval_interval = 10
learning_rate = 3e-3
