// The page's whole program: draw, ask both networks, attack by asking. Nothing is fetched.
const $ = (id) => document.getElementById(id);
const told = JSON.parse($("told").textContent);
const [channels, height, width] = told.shape, plane = height * width, size = channels * plane;
const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const unzipped = async (text) =>
  new Uint8Array(await new Response(new Blob([decoded(text)]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());

let pixels = new Float32Array(size), round = 0;

function paint(canvas, values) {
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let at = 0; at < plane; at++) {
    for (let c = 0; c < 3; c++) image.data[4 * at + c] = 255 * values[(channels === 1 ? 0 : c) * plane + at];
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

async function logits(session, values) {
  const given = new ort.Tensor("float32", values, [1, channels, height, width]);
  return (await session.run({ images: given })).logits.data;
}

const best = (scores) => scores.reduce((top, score, at) => (score > scores[top] ? at : top), 0);

function softmax(scores) {
  const top = Math.max(...scores), parts = Array.from(scores, (score) => Math.exp(score - top));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / sum);
}

function lead(scores, label) {
  return scores[label] - Math.max(...Array.from(scores).filter((_, at) => at !== label));
}

function words(scores) {
  const at = best(scores);
  return `${told.classes[at]} (${(100 * softmax(scores)[at]).toFixed(0)} %)`;
}

function show(network, scores) {
  const shares = softmax(scores), order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, 5);
  network.answer.textContent = `Says ${words(scores)}.`;
  network.bars.replaceChildren(...order.map((at) => {
    const bar = document.createElement("div"), name = document.createElement("span");
    const track = document.createElement("div"), fill = document.createElement("i"), share = document.createElement("b");
    bar.className = "bar";
    name.textContent = told.classes[at];
    fill.style.width = `${100 * shares[at]}%`;
    share.textContent = `${(100 * shares[at]).toFixed(1)} %`;
    track.append(fill);
    bar.append(name, track, share);
    return bar;
  }));
}

async function ask() {
  const now = ++round;
  for (const network of networks) {
    const scores = await logits(network.session, pixels);
    if (now !== round) return;
    network.attacked.hidden = true;
    show(network, scores);
  }
}

// Andriushchenko et al. 2020, "Square attack", algorithm 1 in the linf ball: stripes first, then squares of one sign for
// each channel, ever smaller, kept where they lower the lead of the label. One image, so one question is one run.
async function square(session, x, label, eps, queries, going) {
  const sign = () => (Math.random() < 0.5 ? -eps : eps), clamp = (v) => Math.min(1, Math.max(0, v));
  let found = x.slice();
  for (let c = 0; c < channels; c++)
    for (let column = 0; column < width; column++) {
      const step = sign();
      for (let row = 0; row < height; row++) {
        const at = c * plane + row * width + column;
        found[at] = clamp(x[at] + step);
      }
    }
  let margin = lead(await logits(session, found), label), asked = 1;
  while (margin >= 0 && asked < queries && going()) {
    const share = 0.3 * Math.pow(0.5, Math.floor(6 * asked / queries));
    const side = Math.max(1, Math.min(height, width, Math.round(Math.sqrt(share * plane))));
    const top = Math.floor(Math.random() * (height - side + 1)), left = Math.floor(Math.random() * (width - side + 1));
    const tried = found.slice();
    for (let c = 0; c < channels; c++) {
      const step = sign();
      for (let row = top; row < top + side; row++)
        for (let column = left; column < left + side; column++) {
          const at = c * plane + row * width + column;
          tried[at] = clamp(x[at] + step);
        }
    }
    const got = lead(await logits(session, tried), label);
    asked++;
    if (got <= margin) [found, margin] = [tried, got];
    if (asked % 20 === 0) await new Promise((ready) => setTimeout(ready));
  }
  return { found, asked, fooled: margin < 0 };
}

async function noise(session, x, label, eps, times) {
  let moved = 0;
  for (let time = 0; time < times; time++) {
    const tried = x.map((v) => Math.min(1, Math.max(0, v + (Math.random() < 0.5 ? -eps : eps))));
    if (best(await logits(session, tried)) !== label) moved++;
  }
  return moved;
}

async function attack() {
  const now = ++round, x = pixels.slice(), eps = Number($("eps").value), going = () => now === round;
  $("attack").disabled = true;
  for (const network of networks) {
    const clean = await logits(network.session, x), label = best(clean);
    show(network, clean);
    network.attacked.hidden = false;
    paint(network.picture, x);
    network.verdict.textContent = "Asking…";
    network.verdict.className = "";
    const { found, asked, fooled } = await square(network.session, x, label, eps, told.queries, going);
    const moved = await noise(network.session, x, label, eps, 20);
    if (!going()) break;
    paint(network.picture, found);
    network.verdict.textContent = fooled ? `Fooled after ${asked} questions` : `Stands after ${asked} questions`;
    network.verdict.className = fooled ? "fooled" : "stands";
    network.after.textContent = `It says ${words(await logits(network.session, found))}. ` +
      `Random noise of the same radius changes its answer ${moved} times of 20.`;
  }
  $("attack").disabled = false;
}

function draw(event) {
  const box = $("draw").getBoundingClientRect();
  const column = ((event.clientX - box.left) / box.width) * width, row = ((event.clientY - box.top) / box.height) * height;
  const radius = Math.max(width, height) / 18;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const ink = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x + 0.5 - column, y + 0.5 - row)));
      for (let c = 0; c < channels; c++) {
        const at = c * plane + y * width + x;
        pixels[at] = Math.max(pixels[at], ink);
      }
    }
  changed();
}

function changed() {
  paint($("draw"), pixels);
  ask();
}

function card(name) {
  const made = (tag, kind = "") => Object.assign(document.createElement(tag), { className: kind });
  const place = made("section", "network"), title = made("h2"), answer = made("p", "answer"), bars = made("div");
  const attacked = made("div", "attacked"), picture = made("canvas"), told_ = made("div"), verdict = made("p"), after = made("p");
  title.textContent = name;
  [picture.width, picture.height, attacked.hidden] = [width, height, true];
  told_.append(verdict, after);
  attacked.append(picture, told_);
  place.append(title, answer, bars, attacked);
  $("networks").append(place);
  return { answer, bars, attacked, picture, verdict, after };
}

const source = URL.createObjectURL(new Blob([decoded($("runtime").textContent)], { type: "text/javascript" }));
const ort = await import(source);
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = await unzipped($("wasm").textContent);
const networks = [];
for (const { name, model } of told.networks)
  networks.push({ ...card(name), session: await ort.InferenceSession.create(await unzipped(model), { executionProviders: ["wasm"] }) });
$("state").remove();

for (const { pixels: stored, label } of told.images) {
  const bytes = decoded(stored), values = Float32Array.from(bytes, (byte) => byte / 255), canvas = document.createElement("canvas");
  [canvas.width, canvas.height, canvas.title] = [width, height, told.classes[label]];
  paint(canvas, values);
  canvas.addEventListener("click", () => { pixels = values.slice(); changed(); });
  $("examples").append(canvas);
}
const tell = () => ($("said").textContent = Number($("eps").value).toFixed(3));
$("eps").addEventListener("input", tell);
tell();
$("clear").addEventListener("click", () => { pixels = new Float32Array(size); changed(); });
$("attack").addEventListener("click", attack);
let down = false;
$("draw").addEventListener("pointerdown", (event) => { down = true; $("draw").setPointerCapture(event.pointerId); draw(event); });
$("draw").addEventListener("pointermove", (event) => down && draw(event));
$("draw").addEventListener("pointerup", () => (down = false));
$("examples").firstChild?.click();
if (!told.images.length) changed();
$("attack").disabled = false;
document.body.dataset.ready = "yes";
