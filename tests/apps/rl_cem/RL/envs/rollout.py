import gymnasium as gym
import numpy as np


def episode_return(policy, seed: int) -> float:
    env = gym.make("CartPole-v1")
    observation, _ = env.reset(seed=seed)
    total, done = 0.0, False
    while not done:
        observation, reward, terminated, truncated, _ = env.step(int(np.dot(policy, observation) > 0))
        total += float(reward)
        done = terminated or truncated
    return total
