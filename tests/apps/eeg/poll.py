import sys

import modal

call = modal.FunctionCall.from_id(sys.argv[1])
try:
    result = call.get(timeout=float(sys.argv[2]) if len(sys.argv) > 2 else 60)
except TimeoutError:
    sys.exit("still running")
print(f"accuracy {result['accuracy']:.2f} from {', '.join(result['nights'])}")
