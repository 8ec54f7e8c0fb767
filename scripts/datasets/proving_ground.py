# Kept exactly as it made the runs that ship, so neither checked nor tidied:
# ruff: noqa
# mypy: ignore-errors
"""Real training runs on data pools of different quality: a character-level transformer, trained on the CPU.

Target domain: Python standard-library source. Pools of equal size (unique characters):
  A clean Python source; B Python source with 8% of characters replaced at random; C C header files;
  D manual pages (roff sources); E Python source with 35% of characters replaced.
Each run trains a fresh model to its own budget (characters seen) with a linear warm-up (5%) and cosine decay to zero,
going through the union of its pools epoch by epoch (random order of 64-character windows, offset re-drawn each epoch).
Recorded: cross-entropy (nats/char) and top-1 error on held-out clean Python source.
"""

import csv, glob, gzip, math, os, sys, sysconfig, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

torch.set_num_threads(1)
CTX, D, LAYERS, HEADS, BATCH = 64, 64, 2, 4, 16
POOL = 60_000
LR, WD, DROP = 3e-3, 0.1, 0.05
STDLIB = os.environ.get(
    "PY_STDLIB", sysconfig.get_paths()["stdlib"]
)  # made with the standard library of Python 3.13.0


def clean(s):
    return bytes(c if 32 <= c < 127 or c == 10 else 32 for c in s)


def collect(files, need, seed):
    files = sorted(files)
    rng = np.random.default_rng(seed)
    rng.shuffle(files)
    out = b""
    for f in files:
        op = gzip.open if f.endswith(".gz") else open
        try:
            s = clean(op(f, "rb").read())
        except Exception:
            continue
        if len(s) < 2000:
            continue
        out += s[:20_000]
        if len(out) >= need:
            return np.frombuffer(out[:need], np.uint8).astype(np.int64)
    raise SystemExit("not enough text")


def corrupt(a, p, rng):
    a = a.copy()
    m = rng.random(len(a)) < p
    a[m] = rng.integers(32, 127, m.sum())
    return a


def data():
    py = [
        f
        for f in glob.glob(os.path.join(STDLIB, "**/*.py"), recursive=True)
        if "site-packages" not in f
        and "/test/" not in f
        and "encodings" not in f
        and "idlelib" not in f
    ]
    x = collect(py, 4 * POOL + 100_000, 1)
    rng = np.random.default_rng(7)
    pools = {
        "A": x[:POOL],
        "B": corrupt(x[POOL : 2 * POOL], 0.08, rng),
        "E": corrupt(x[2 * POOL : 3 * POOL], 0.35, rng),
    }
    pools["C"] = collect(
        glob.glob("/usr/include/*.h") + glob.glob("/usr/include/linux/*.h"), POOL, 2
    )
    pools["D"] = collect(
        glob.glob("/usr/share/man/man1/*.gz") + glob.glob("/usr/share/man/man8/*.gz"), POOL, 3
    )
    return pools, x[4 * POOL : 4 * POOL + 65_536]


class Block(nn.Module):
    def __init__(s):
        super().__init__()
        s.n1, s.n2 = nn.LayerNorm(D), nn.LayerNorm(D)
        s.qkv, s.o = nn.Linear(D, 3 * D), nn.Linear(D, D)
        s.f1, s.f2 = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)
        s.dp = nn.Dropout(DROP)

    def forward(s, x):
        B, T, _ = x.shape
        q, k, v = s.qkv(s.n1(x)).view(B, T, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
        x = x + s.dp(
            s.o(
                F.scaled_dot_product_attention(q, k, v, is_causal=True)
                .transpose(1, 2)
                .reshape(B, T, D)
            )
        )
        return x + s.dp(s.f2(F.gelu(s.f1(s.n2(x)))))


class LM(nn.Module):
    def __init__(s):
        super().__init__()
        s.e, s.p = nn.Embedding(128, D), nn.Parameter(torch.zeros(CTX, D))
        s.b = nn.Sequential(*[Block() for _ in range(LAYERS)])
        s.n = nn.LayerNorm(D)
        s.h = nn.Linear(D, 128)
        for m in s.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, std=0.05)

    def forward(s, i):
        return s.h(s.n(s.b(s.e(i) + s.p[: i.shape[1]])))


def run(text, budget, seed, val):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = LM()
    opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=WD, betas=(0.9, 0.98))
    steps = max(1, round(budget / (BATCH * CTX)))
    order = []
    net.train()
    for it in range(steps):
        while len(order) < BATCH:
            off = rng.integers(0, CTX)
            st = np.arange(off, len(text) - CTX - 1, CTX)
            rng.shuffle(st)
            order += list(st)
        idx, order = order[:BATCH], order[BATCH:]
        b = torch.from_numpy(np.stack([text[i : i + CTX + 1] for i in idx]))
        w = max(1, int(0.05 * steps))
        lr = (
            LR
            * min(1, (it + 1) / w)
            * 0.5
            * (1 + math.cos(math.pi * max(0, it - w) / max(1, steps - w)))
        )
        for g in opt.param_groups:
            g["lr"] = lr
        loss = F.cross_entropy(net(b[:, :-1]).reshape(-1, 128), b[:, 1:].reshape(-1))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
    net.eval()
    tot = err = cnt = 0
    with torch.no_grad():
        n = (len(val) - 1) // CTX
        v = torch.from_numpy(val[: n * CTX + 1])
        X, Y = v[:-1].view(n, CTX), v[1:].view(n, CTX)
        for i in range(0, n, 256):
            o = net(X[i : i + 256])[:, 16:]
            y = Y[i : i + 256][:, 16:]
            tot += F.cross_entropy(o.reshape(-1, 128), y.reshape(-1), reduction="sum").item()
            err += (o.argmax(-1) != y).sum().item()
            cnt += y.numel()
    return tot / cnt, err / cnt, cnt, steps * BATCH * CTX


def main(part, out):
    pools, val = data()
    configs = {
        "single": ["A", "B", "C", "D", "E"],
        "mix": ["A+B", "A+B+C", "A+B+C+D", "A+B+C+D+E"],
    }[part]
    new = not os.path.exists(out)
    done = (
        set() if new else {(r["pool"], r["budget"], r["seed"]) for r in csv.DictReader(open(out))}
    )
    with open(out, "a") as fh:
        w = csv.writer(fh)
        if new:
            w.writerow(
                "run_id pool n_pools pool_size budget samples_seen epochs seed val_loss val_error n_eval wall_s schedule".split()
            )
        for seed in SEEDS:
            for mult in MULTS:
                for c in configs:
                    budget = int(mult * POOL)
                    if (c, str(budget), str(seed)) in done:
                        continue
                    t = time.time()
                    text = np.concatenate([pools[p] for p in c.split("+")])
                    l, e, n, seen = run(text, budget, seed * 1000 + int(mult * 10), val)
                    w.writerow(
                        [
                            f"{c}-{mult}-{seed}",
                            c,
                            len(c.split("+")),
                            len(text),
                            budget,
                            seen,
                            round(seen / len(text), 4),
                            seed,
                            round(l, 6),
                            round(e, 6),
                            n,
                            round(time.time() - t, 1),
                            "warmup5%+cosine",
                        ]
                    )
                    fh.flush()
                    print(
                        c,
                        mult,
                        seed,
                        round(l, 4),
                        round(e, 4),
                        round(time.time() - t, 1),
                        flush=True,
                    )


if __name__ == "__main__":
    SEEDS = [int(s) for s in sys.argv[3].split(",")]
    MULTS = [float(m) for m in sys.argv[4].split(",")]
    main(sys.argv[1], sys.argv[2])
