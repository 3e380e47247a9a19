import argparse

import modal

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--run-name", default="run")
args = parser.parse_args()

fit = modal.Function.from_name("sleep-staging", "fit")
call = fit.spawn(args.epochs, run_name=args.run_name)
print(call.object_id)
