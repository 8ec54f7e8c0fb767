"use strict";
(() => {
  const source = document.getElementById("explorer-data");
  if (!source) return;
  const all = JSON.parse(source.textContent);
  const $ = (id) => document.getElementById(id);
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // --- numbers -------------------------------------------------------------------------------
  const unpack = (box) => {
    const bytes = Uint8Array.from(atob(box.data), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer), size = box.shape[2], count = box.shape[1];
    // draws of one thing at one budget
    return (i, j) => Float64Array.from({ length: size }, (_, k) =>
      box.low + box.step * view.getUint16(2 * ((i * count + j) * size + k), true));
  };
  const quantile = (sorted, p) => {
    const at = p * (sorted.length - 1), k = Math.floor(at);
    return sorted[k] + (at - k) * ((sorted[k + 1] ?? sorted[k]) - sorted[k]);
  };
  const band = (draws) => {
    const sorted = Float64Array.from(draws).sort(), tail = (1 - all.prob) / 2;
    return [quantile(sorted, 0.5), quantile(sorted, tail), quantile(sorted, 1 - tail)];
  };
  const places = (width) => width > 0 ? Math.min(5, Math.max(0, 1 - Math.floor(Math.log10(width)))) : 3;
  const told = ([mid, lo, hi], signed) => {
    const n = places(hi - lo);
    const [a, b, c] = [mid, lo, hi].map((v) => {
      const text = v.toFixed(n);
      return Number(text) === 0 ? (0).toFixed(n) : signed && v > 0 ? `+${text}` : text;
    });
    return `${a} [${b}, ${c}]`;
  };
  const chance = (p) => p > 0.995 ? "> .99" : p < 0.005 ? "< .01" : p.toFixed(2).replace(/^0/, "");
  const mean = (draws) => draws.reduce((sum, v) => sum + v, 0) / draws.length;
  const better = all.higher ? Math.max : Math.min;
  const place = (n) => n > 1.02 * all.largest
    ? `extrapolated ${(n / all.largest).toFixed(1)}x beyond the largest run`
    : 1.02 * n < all.smallest
      ? `extrapolated downwards, ${(all.smallest / n).toFixed(1)}x below the smallest run`
      : "inside your runs";

  // --- an interval on an axis of its own --------------------------------------------------------
  const interval = () => {
    const box = make("span", "interval");
    const zero = box.appendChild(make("i", "zero")), line = box.appendChild(make("i", "line"));
    const dot = box.appendChild(make("i", "dot"));
    return { box, show([mid, lo, hi], [low, high], origin) {
      const at = (v) => `${(100 * Math.min(1, Math.max(0, (v - low) / (high - low || 1)))).toFixed(2)}%`;
      line.style.left = at(lo);
      line.style.right = `calc(100% - ${at(hi)})`;
      dot.style.left = at(mid);
      zero.hidden = origin === undefined;
      if (origin !== undefined) zero.style.left = at(origin);
    } };
  };
  const ends = (bands) => {
    const low = Math.min(...bands.map((b) => b[1])), high = Math.max(...bands.map((b) => b[2]));
    return [low - 0.03 * (high - low), high + 0.03 * (high - low)];
  };

  // --- budgets -----------------------------------------------------------------------------------
  const b = all.budgets, boxes = b.boxes.map(unpack), slider = $("explore-budget");
  const draws = (i, c) => boxes[b.places[i][0]](b.places[i][1], c);
  const rows = b.names.map((name) => {
    const row = make("tr"), p = make("td", "prob"), level = make("td"), gap = make("td");
    const bar = make("span", "bar"), fill = bar.appendChild(make("i")), number = make("span", "num");
    p.append(bar, number);
    const one = interval(), other = interval();
    const levelText = make("span", "num"), gapText = make("span", "num");
    level.append(one.box, levelText);
    gap.append(other.box, gapText);
    const head = make("th", "name");
    head.scope = "row";
    name.split(/(?<=[+_])/).forEach((part, k) => { if (k) head.append(make("wbr")); head.append(part); });
    row.append(head, p, level, gap);
    $("explore-rows").append(row);
    return { row, fill, number, one, other, levelText, gapText };
  });
  const showBudget = () => {
    const i = Number(slider.value), values = b.names.map((_, c) => draws(i, c));
    const size = values[0].length, wins = b.names.map(() => 0);
    const regret = b.names.map(() => 0);
    for (let k = 0; k < size; k++) {
      const top = better(...values.map((v) => v[k]));
      wins[values.findIndex((v) => v[k] === top)] += 1 / size;
      values.forEach((v, c) => { regret[c] += Math.abs(v[k] - top) / size; });
    }
    const best = regret.indexOf(Math.min(...regret));
    const levels = values.map(band);
    const gaps = values.map((v) => band(v.map((x, k) => x - values[best][k])));
    const wide = ends(levels), near = ends(gaps.concat([[0, 0, 0]]));
    rows.forEach((r, c) => {
      r.row.className = c === best ? "best" : "";
      r.fill.style.width = `${100 * wins[c]}%`;
      r.number.textContent = chance(wins[c]);
      r.one.show(levels[c], wide);
      r.levelText.textContent = told(levels[c]);
      r.other.show(gaps[c], near, 0);
      r.gapText.textContent = c === best ? "the choice" : told(gaps[c], true);
    });
    const said = `${b.told[i]} samples, ${place(b.samples[i])}`;
    slider.setAttribute("aria-valuetext", said);
    $("explore-at").textContent = said;
    $("explore-choice").textContent =
      `${b.names[best]}: P(best) ${chance(wins[best])}, expected regret ${Number(regret[best].toPrecision(2))}`;
  };
  slider.max = b.samples.length - 1;
  slider.value = b.start;
  slider.addEventListener("input", showBudget);
  $("explore").hidden = false;
  document.querySelectorAll(".needs-script").forEach((node) => { node.hidden = false; });
  showBudget();

  // --- shares ------------------------------------------------------------------------------------
  const m = all.mixtures;
  if (!m) return;
  $("explore-shares").hidden = false;
  const drawn = unpack(m.draws), key = (point) => point.join();
  const index = new Map(m.points.map((point, k) => [key(point), k]));
  const cached = new Map();
  const at = (i, k) => {
    const id = `${i},${k}`;
    if (!cached.has(id)) cached.set(id, drawn(i, k));
    return cached.get(id);
  };
  // corners and weights of the small simplex of laid-out mixtures that holds these shares
  const corners = (shares) => {
    let sum = 0;
    const x = shares.slice(0, -1).map((s) => (sum += s) * m.steps);
    const base = x.map((v) => Math.floor(v + 1e-9)), part = x.map((v, k) => Math.max(0, v - base[k]));
    const order = part.map((_, k) => k).sort((p, q) => part[q] - part[p] || q - p);
    const out = [], now = base.slice();
    let before = 1;
    for (let k = 0; k <= order.length; k++) {
      const next = k < order.length ? part[order[k]] : 0;
      if (before - next > 1e-9) {
        const point = now.map((v, j) => v - (j ? now[j - 1] : 0));
        out.push([index.get(key([...point, m.steps - now[now.length - 1]])), before - next]);
      }
      if (k < order.length) now[order[k]] += 1;
      before = next;
    }
    return out;
  };
  let shares = m.pools.map(() => 1 / m.pools.length), chosen = m.samples.length - 1;
  const bandOf = interval();
  $("mix-band").append(bandOf.box);
  const bounds = m.samples.map((_, i) => ends(m.points.map((_p, k) => band(at(i, k)))));
  const choices = m.told.map((text, i) => {
    const button = make("button", "", text);
    button.type = "button";
    button.addEventListener("click", () => { chosen = i; showShares(); });
    $("mix-budgets").append(button);
    return button;
  });
  const controls = m.pools.map((pool, i) => {
    const label = make("label", "share"), name = make("span", "name", pool);
    const range = make("input"), number = make("span", "num"), epochs = make("span", "epochs");
    Object.assign(range, { type: "range", min: 0, max: 100, step: 1 });
    range.setAttribute("aria-label", `share of ${pool}, in percent`);
    range.addEventListener("input", () => {
      const share = range.value / 100, rest = shares.reduce((sum, s, j) => sum + (j === i ? 0 : s), 0);
      shares = shares.map((s, j) => j === i ? share
        : rest > 1e-9 ? s * (1 - share) / rest : (1 - share) / (shares.length - 1));
      showShares();
    });
    label.append(name, range, number, epochs);
    $("mix-shares").append(label);
    return { range, number, epochs };
  });
  const set = (to) => { shares = to; showShares(); };
  $("mix-even").addEventListener("click", () => set(m.pools.map(() => 1 / m.pools.length)));
  $("mix-best").addEventListener("click", () => {
    const means = m.points.map((_, k) => mean(at(chosen, k)));
    set(m.points[means.indexOf(better(...means))].map((v) => v / m.steps));
  });
  function showShares() {
    const found = corners(shares), size = m.draws.shape[2];
    const values = Float64Array.from({ length: size }, (_, k) =>
      found.reduce((sum, [p, weight]) => sum + weight * at(chosen, p)[k], 0));
    const shown = band(values);
    bandOf.show(shown, bounds[chosen]);
    $("mix-told").textContent = told(shown);
    choices.forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
    const n = m.samples[chosen];
    controls.forEach((c, i) => {
      c.range.value = Math.round(100 * shares[i]);
      c.number.textContent = `${(100 * shares[i]).toFixed(0)}%`;
      const passes = m.sizes[i] === null ? null : shares[i] * n / m.sizes[i];
      c.epochs.textContent = passes === null ? "unlimited" : `${passes.toFixed(passes < 10 ? 1 : 0)} epochs`;
      c.epochs.classList.toggle("many", passes !== null && passes > 4);
    });
    const far = Math.min(...m.runs.map((run) =>
      run.reduce((sum, s, i) => sum + Math.abs(s - shares[i]), 0) / 2));
    $("mix-distance").textContent = far < 0.005 ? "this mixture was run"
      : `${(100 * far).toFixed(0)}% of its samples would come from elsewhere than in the nearest mixture run`
        + (far > 0.2 ? ": far from all runs" : "");
    $("mix-distance").classList.toggle("many", far > 0.2);
  }
  showShares();
})();
