"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const shown = (v) => (v === null ? "never" : String(Number(v.toPrecision(4))));
const known = (values) => values.filter((v) => v !== null && v !== undefined && isFinite(v));

// --- a chart ---------------------------------------------------------------------------------------------------------
// lines: [{label, colour, faint, x: [], mid: [], low: [], high: [], dots: [[x, y, is it open: known to be later], ...]}]; null: no value there.
const W = 1000, H = 430, LEFT = 70, RIGHT = 60, TOP = 14, BOTTOM = 46;

function scale(low, high, log, from, to) {
    const f = log ? Math.log10 : (v) => v;
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
    const at = (v) => from + ((f(v) - f(low)) / (f(high) - f(low))) * (to - from);
    return { at, log, low, high, ok: (v) => v !== null && v !== undefined && isFinite(v) && (!log || v > 0) };
}

function ticks({ low, high, log }) {
    const found = [];
    if (log) {
        const wide = Math.log10(high / low), every = Math.max(1, Math.ceil(wide / 8));
        for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++)
            if (e % every === 0) for (const m of wide < 3 ? [1, 2, 5] : [1]) found.push(m * 10 ** e);
    } else {
        const rough = (high - low) / 6, unit = 10 ** Math.floor(Math.log10(rough));
        const step = unit * [1, 2, 5, 10].find((m) => m * unit >= rough);
        for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) found.push(v);
    }
    return found.filter((v) => v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9));
}

function path(line, values, x, y) {
    let text = "", pen = "M";
    values.forEach((v, i) => {
        if (!x.ok(line.x[i]) || !y.ok(v)) return void (pen = "M");
        text += `${pen}${x.at(line.x[i]).toFixed(1)} ${y.at(v).toFixed(1)}`;
        pen = "L";
    });
    return text;
}

function area(line, x, y) {
    const kept = line.x.map((_, i) => i).filter((i) => x.ok(line.x[i]) && y.ok(line.low[i]) && y.ok(line.high[i]));
    const edge = (side, order) => order.map((i) => `${x.at(line.x[i]).toFixed(1)} ${y.at(side[i]).toFixed(1)}`).join("L");
    return kept.length ? `M${edge(line.high, kept)}L${edge(line.low, kept.slice().reverse())}Z` : "";
}

function drawLine(line, x, y) {
    const style = `stroke="${line.colour}" stroke-width="${line.faint ? 1 : 2}" stroke-opacity="${line.faint ? 0.45 : 1}"`;
    const band = line.low ? `<path d="${area(line, x, y)}" fill="${line.colour}" fill-opacity="${line.faint ? 0.08 : 0.16}"/>` : "";
    const dots = (line.dots || []).filter(([a, b]) => x.ok(a) && y.ok(b));
    return `${band}<path d="${path(line, line.mid, x, y)}" fill="none" ${style}/>` +
        dots.map(([a, b, open]) => `<circle cx="${x.at(a)}" cy="${y.at(b)}" r="${open ? 4 : 3}" ` + (open
            ? `fill="none" stroke="${line.colour}"><title>later: a stop rule ended it before</title></circle>`
            : `fill="${line.colour}" fill-opacity="0.5"/>`)).join("");
}

function frame(x, y, o) {
    const vertical = ticks(x).map((v) => `<path d="M${x.at(v)} ${TOP}V${H - BOTTOM}" stroke="#eee"/>` +
        `<text x="${x.at(v)}" y="${H - BOTTOM + 17}" text-anchor="middle">${shown(v)}</text>`);
    const across = ticks(y).map((v) => `<path d="M${LEFT} ${y.at(v)}H${W - RIGHT}" stroke="#eee"/>` +
        `<text x="${LEFT - 7}" y="${y.at(v) + 4}" text-anchor="end">${shown(v)}</text>`);
    const never = o.never ? `<path d="M${LEFT} ${y.at(o.never)}H${W - RIGHT}" stroke="#999" stroke-dasharray="5 4"/>` +
        `<text x="${W - RIGHT + 5}" y="${y.at(o.never) + 4}" fill="#777">never</text>` : "";
    return vertical.join("") + across.join("") + never + `<path d="M${LEFT} ${TOP}V${H - BOTTOM}H${W - RIGHT}" fill="none" stroke="#444"/>` +
        `<text x="${(LEFT + W - RIGHT) / 2}" y="${H - 8}" text-anchor="middle">${o.xTitle}</text>` +
        `<text transform="translate(16 ${(TOP + H - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${o.yTitle}</text>`;
}

function chart(box, lines, o) {
    const xs = known(lines.flatMap((l) => l.x)).filter((v) => !o.logX || v > 0);
    const ys = known(lines.flatMap((l) => [...l.mid, ...(l.low || []), ...(l.high || []), ...(l.dots || []).map((d) => d[1])]))
        .filter((v) => !o.logY || v > 0);
    if (!xs.length || !ys.length) return void (box.innerHTML = `<p class=note>${o.empty || "Nothing to show: choose something above or below."}</p>`);
    const least = (v) => v.reduce((a, b) => Math.min(a, b)), most = (v) => v.reduce((a, b) => Math.max(a, b));
    const [low, high] = o.yRange && !o.logY ? o.yRange : [least(ys), most(ys)];
    const x = scale(least(xs), most(xs), o.logX, LEFT, W - RIGHT);
    const y = scale(low, o.never ? high * 1.15 : high, o.logY, H - BOTTOM, TOP);
    box.innerHTML = `<svg viewBox="0 0 ${W} ${H}" role="img">${frame(x, y, o)}${lines.map((l) => drawLine(l, x, y)).join("")}` +
        `<path class="cross" stroke="#888" d=""/></svg><div class="tip" hidden></div>`;
    hover(box, lines, x, o);
}

function hover(box, lines, x, o) {
    const svg = box.querySelector("svg"), tip = box.querySelector(".tip"), cross = box.querySelector(".cross");
    const all = [...new Set(lines.flatMap((l) => l.x))].filter(x.ok).sort((a, b) => a - b);
    const value = (l, i) => (o.never && l.mid[i] === o.never ? "never" : shown(l.mid[i])) +
        (l.low && l.low[i] !== l.high[i] && !o.never ? ` <span class=note>${shown(l.low[i])} – ${shown(l.high[i])}</span>` : "");
    svg.onpointermove = (event) => {
        const area = svg.getBoundingClientRect(), mouse = ((event.clientX - area.left) / area.width) * W;
        const at = all.reduce((best, v) => (Math.abs(x.at(v) - mouse) < Math.abs(x.at(best) - mouse) ? v : best));
        const rows = lines.map((l) => [l, l.x.indexOf(at)]).filter(([l, i]) => i >= 0 && l.mid[i] !== null);
        cross.setAttribute("d", `M${x.at(at)} ${TOP}V${H - BOTTOM}`);
        tip.hidden = false;
        tip.innerHTML = `<b>${escaped(o.xName)} ${shown(at)}</b>` + rows.slice(0, 16).map(([l, i]) =>
            `<div><span class=swatch style="background:${l.colour}"></span>${escaped(l.label)}: ${value(l, i)}</div>`).join("") +
            (rows.length > 16 ? `<div>and ${rows.length - 16} more</div>` : "");
        const left = (x.at(at) / W) * area.width;
        tip.style.left = left < area.width / 2 ? `${left + 12}px` : `${left - tip.offsetWidth - 12}px`;
    };
    svg.onpointerleave = () => { tip.hidden = true; cross.setAttribute("d", ""); };
}

// --- curves ----------------------------------------------------------------------------------------------------------
const settings = [...new Set(data.groups.map((g) => g.setting))];
const groupsHere = () => data.groups.map((g, i) => ({ ...g, place: i })).filter((g) => g.setting === $("setting").value);
const curvesOf = data.groups.map(() => []);
data.curves.forEach((c) => curvesOf[c.group] && curvesOf[c.group].push(c));

function median(values) {
    const sorted = values.filter((v) => typeof v === "number").sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)), half = sorted.length >> 1;
    return sorted.length ? (sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2) : null;
}

function together(curves, name, line) {
    const at = new Map();
    for (const c of curves) c[name].forEach((v, i) => {
        const epoch = data.axes[c.axis][i];
        if (!at.has(epoch)) at.set(epoch, []);
        at.get(epoch).push(v);
    });
    const x = [...at.keys()].sort((a, b) => a - b), values = x.map((epoch) => known(at.get(epoch)));
    const side = (f) => values.map((v) => (v.length ? f(...v) : null));
    return { ...line, x, mid: values.map(median), low: side(Math.min), high: side(Math.max) };
}

function drawCurves() {
    const lines = [], metric = $("metric").value;
    for (const which of ["train", "test"].filter((w) => $(w).checked))
        for (const g of groupsHere().filter((g) => data.groups[g.place].on)) {
            const name = `${which}_${metric}`, mine = curvesOf[g.place], text = which === "train" ? `${g.label}, train` : g.label;
            const line = { label: text, colour: g.colour, faint: which === "train" && $("test").checked };
            if ($("seeds").checked)
                lines.push(...mine.map((c) => ({ ...line, label: `${text}, seed ${c.seed}`, x: data.axes[c.axis], mid: c[name] })));
            else if (mine.length) lines.push(together(mine, name, line));
        }
    chart($("plot"), lines, { logX: $("logx").checked, logY: $("logy").checked, xTitle: "epochs", xName: "epoch", yTitle: metric,
                              yRange: metric === "accuracy" ? [0, 1] : null });
}

function drawLegend() {
    $("legend").innerHTML = groupsHere().map((g) => `<label><input type=checkbox data-place=${g.place} ${g.on ? "checked" : ""}>` +
        `<span class=swatch style="background:${g.colour}"></span>${escaped(g.label)} <span class=note>` +
        `${curvesOf[g.place].length || "no"} curve${curvesOf[g.place].length === 1 ? "" : "s"}</span></label>`).join("");
}

function switchAll(on) {
    for (const g of groupsHere()) data.groups[g.place].on = on;
    drawLegend();
    drawCurves();
}

// --- against t and k -------------------------------------------------------------------------------------------------
function against(x) {
    const lines = new Map();
    for (const g of groupsHere().filter((g) => g.k !== null && (x === "k" || g.t !== "") && g.t_gen.length)) {
        const held = x === "k" ? (g.t && `t = ${g.t}`) : `k = ${g.k}`, name = JSON.stringify([g.control, held]);
        if (!lines.has(name)) lines.set(name, { control: g.control, held, groups: [] });
        lines.get(name).groups.push(g);
    }
    return [...lines.values()].filter((l) => new Set(l.groups.map((g) => (x === "k" ? g.k : g.t))).size > 1);
}

function drawAgainst() {
    const x = $("x").value, y = $("y").value, found = against(x), late = y !== "test_accuracy", log = late && $("logv").checked;
    const reached = known(found.flatMap((l) => l.groups.flatMap((g) => g[y]))).map(late ? Math.abs : (v) => v);
    const never = late && reached.length ? reached.reduce((a, b) => Math.max(a, b)) * (log ? 1.6 : 1.15) : 0;
    const value = (v) => (v === null && late ? Infinity : v); // never: later than every number, and "-" is no number
    const height = (v) => (v === Infinity ? never || null : v);
    // Below 0: not known, but that it is later.  A median is known if these would not change it.
    const middle = (values) => {
        const most = median(values.map((v) => (late && v < 0 ? Infinity : v)));
        return late && median(values.map((v) => (v < 0 ? -v : v))) !== most ? null : most;
    };
    const spare = data.spare.slice(), first = (l) => found.find((m) => m.control === l.control) === l;
    const lines = found.map((l) => {
        const colour = (first(l) && data.colours[l.control]) || spare[0];
        if (colour === spare[0]) spare.push(spare.shift());
        const sorted = l.groups.map((g) => [x === "k" ? g.k : g.at, g[y].map(value)]).sort((a, b) => a[0] - b[0]);
        const name = found.filter((m) => m.control === l.control).length > 1 && l.held ? `${l.control} (${l.held})` : l.control;
        return { label: name, colour, x: sorted.map((s) => s[0]), mid: sorted.map((s) => height(middle(s[1]))),
                 dots: sorted.flatMap(([a, values]) => values.map((v) => (late && v < 0 ? [a, -v, true] : [a, height(v)]))) };
    });
    chart($("axesplot"), lines, { logY: log, never: never || null, xName: x, yTitle: y, empty: "No network got there.", yRange: late ? null : [0, 1],
        xTitle: x === "k" ? "k: part of the weights removed" : "t: epoch of the dense network" });
    $("axeslegend").innerHTML = lines.map((l) => `<span><span class=swatch style="background:${l.colour}"></span>${escaped(l.label)}</span>`)
        .join("") + "<span class=note>points: seeds, lines: their medians</span>";
}

function chooseSetting() {
    const here = groupsHere(), exact = here.some((g) => curvesOf[g.place].some((c) => known(c.test_accuracy).length));
    $("metric").value = exact ? "accuracy" : "loss";
    $("logy").checked = !exact;
    drawLegend();
    drawCurves();
    const axes = ["t", "k"].filter((x) => against(x).length);
    $("against").hidden = !axes.length;
    $("x").innerHTML = axes.map((x) => `<option>${x}</option>`).join("");
    if (axes.length) drawAgainst();
}

// --- the table -------------------------------------------------------------------------------------------------------
function sortable(table) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => head.addEventListener("click", () => {
        const down = head.className === "up" ? -1 : 1;
        for (const other of table.tHead.rows[0].cells) other.className = "";
        head.className = down > 0 ? "up" : "down";
        const by = (row) => row.cells[column].dataset.by ?? row.cells[column].textContent;
        const order = (a, b) => (isNaN(by(a)) || isNaN(by(b)) ? by(a).localeCompare(by(b)) : by(a) - by(b));
        body.append(...[...body.rows].sort((a, b) => down * order(a, b)));
    }));
    $("filter").addEventListener("input", () => {
        const words = $("filter").value.toLowerCase().split(/\s+/);
        for (const row of body.rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    });
}

sortable(document.querySelector("#results table"));
$("setting").innerHTML = settings.map((s) => `<option>${escaped(s)}</option>`).join("");
$("setting").addEventListener("change", chooseSetting);
for (const id of ["metric", "test", "train", "logx", "logy", "seeds"]) $(id).addEventListener("change", drawCurves);
for (const id of ["x", "y", "logv"]) $(id).addEventListener("change", drawAgainst);
$("all").addEventListener("click", () => switchAll(true));
$("none").addEventListener("click", () => switchAll(false));
$("legend").addEventListener("change", (event) => {
    data.groups[event.target.dataset.place].on = event.target.checked;
    drawCurves();
});
if (settings.length) chooseSetting();
