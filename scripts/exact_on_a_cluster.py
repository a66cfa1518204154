#!/usr/bin/env python3
"""Sum over 2^n configurations of spins on a Dask cluster; the answer is that of one process, to the last bit.

    scripts/exact_on_a_cluster.py [--spins N] [--workers K] [--kill]

The cluster is one of this machine, K processes started for the occasion.  A real one needs no other code:
give `Client` its address.  With --kill one worker is killed in the middle, and nothing is lost but time:
the scheduler gives its ranges to the others.  Needs `pip install ebm_ref[cluster]`.
"""

import argparse
import os
import signal
import sys
import time

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # read when NumPy is imported; Dask's workers have one, too


def model(n):
    """Random couplings and fields, neither weak nor frozen."""
    import numpy as np

    rng = np.random.default_rng(n)
    J = np.triu(rng.normal(scale=n**-0.5, size=(n, n)), 1)
    return J + J.T, rng.normal(scale=0.5, size=n)


def kill_one(client):
    """A progress function that kills a worker of this client between the first range and the last."""
    victims = []

    def progress(done, total, seconds):
        print(f"  {done} of {total} ranges, {seconds:.1f} s left", file=sys.stderr)
        if client is not None and 0 < done < total and not victims:
            victims.append(next(iter(client.run(os.getpid).values())))
            os.kill(victims[0], signal.SIGKILL)
            print(f"  killed worker {victims[0]}", file=sys.stderr)

    return progress, victims


def bits(result):
    """The result as bytes: what is compared."""
    import numpy as np

    return b"".join(
        np.asarray(part).tobytes() for part in (result if isinstance(result, tuple) else (result,))
    )


def timed(function, *args, **options):
    started = time.perf_counter()
    result = function(*args, **options)
    return result, time.perf_counter() - started


def compare(client, function, n, kill):
    """Run on the cluster and alone; complain unless both give the same bits."""
    progress, victims = kill_one(client if kill else None)
    there, cluster_s = timed(function, *model(n), executor=client.get_executor(), progress=progress)
    here, alone_s = timed(function, *model(n))
    assert bits(there) == bits(here), f"{function.__name__}: the cluster's answer differs"
    assert len(victims) == kill, "no worker was killed: too few spins, there was but one range"
    print(
        f"{function.__name__}, {n} spins: {cluster_s:.2f} s on the cluster, {alone_s:.2f} s alone, same bits"
    )


def main():
    parser = argparse.ArgumentParser(description="Exact sums on a local Dask cluster.")
    parser.add_argument(
        "--spins", type=int, default=36, metavar="N", help="spins of log_partition (default 36)"
    )
    parser.add_argument("--workers", type=int, default=2, metavar="K", help="processes (default 2)")
    parser.add_argument("--kill", action="store_true", help="kill a worker in the middle")
    args = parser.parse_args()
    if args.spins < 2:
        parser.error(f"argument --spins: {args.spins} is below 2")
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        parser.exit(2, "needs Dask: pip install ebm_ref[cluster]\n")

    from ebm_ref.exact import blocks

    with (
        LocalCluster(n_workers=args.workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        compare(client, blocks.log_partition, args.spins, args.kill)
        compare(client, blocks.moments, args.spins - 1, False)


if __name__ == "__main__":
    main()
