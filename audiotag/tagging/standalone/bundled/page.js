"use strict";

const tagger = JSON.parse(document.getElementById("tagger").textContent);
const SHOWN_LABELS = 5; // of a sound, at least; and all tags
const status = document.getElementById("status");
const results = document.getElementById("results");

function say(text, isProblem = false) {
  status.textContent = text;
  status.classList.toggle("problem", isProblem);
}

// What the page holds: text, or base64 of a file compressed by gzip.

function text(id) {
  const element = document.getElementById(id);
  const content = element.textContent;
  element.remove(); // its memory is needed
  return content;
}

async function unpacked(id) {
  const binary = atob(text(id));
  const bytes = new Uint8Array(binary.length);
  for (let place = 0; place < binary.length; place++) bytes[place] = binary.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// The worker with the networks: each message gets an answer of the same number.

const answers = new Map();
let worker, questions = 0;

function ask(message, transferred = []) {
  const id = questions++;
  return new Promise((resolve, reject) => {
    answers.set(id, { resolve, reject });
    worker.postMessage({ ...message, id }, transferred);
  });
}

async function load() {
  worker = new Worker(URL.createObjectURL(new Blob([text("worker")], { type: "text/javascript" })));
  worker.onmessage = ({ data }) => {
    const { resolve, reject } = answers.get(data.id);
    answers.delete(data.id);
    if (data.problem) reject(new Error(data.problem));
    else resolve(data.value);
  };
  const failed = new Promise((_, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || "its worker does not start"));
  });
  const runtime = `data:text/javascript;base64,${text("runtime")}`;
  const [wasm, model] = [await unpacked("wasm"), await unpacked("model")];
  await Promise.race([failed, ask({ runtime, wasm, model }, [wasm, model])]);
}

// Sounds

async function waveformOf(bytes) {
  const decoded = await new OfflineAudioContext(1, 1, tagger.sample_rate).decodeAudioData(bytes); // it resamples
  const mono = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++) {
    decoded.getChannelData(channel).forEach((value, place) => { mono[place] += value / decoded.numberOfChannels; });
  }
  return mono;
}

function durationText(seconds) {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

async function tag(sound, name) {
  let waveform;
  try {
    waveform = await waveformOf(await sound.arrayBuffer());
  } catch {
    throw new Error(`${name} cannot be decoded. Is it a sound file that this browser can play, such as WAV, MP3, FLAC or Ogg?`);
  }
  if (!waveform.length) throw new Error(`${name} has no samples.`);
  const seconds = waveform.length / tagger.sample_rate;
  show(sound, name, seconds, await ask({ waveform }, [waveform.buffer]));
}

let queue; // one sound after the other, and the first when the tagger is loaded

function tagAll(sounds) {
  queue = queue.then(async () => {
    const problems = [];
    for (const sound of sounds) {
      say(`Tagging ${sound.name} …`);
      try {
        await tag(sound, sound.name);
      } catch (error) {
        problems.push(error.message);
      }
    }
    say(problems.join(" ") || "Ready", problems.length > 0);
  });
}

// Results

function show(sound, name, seconds, scores) {
  const article = document.getElementById("result").content.firstElementChild.cloneNode(true);
  const address = URL.createObjectURL(sound);
  article.querySelector("h2").textContent = name;
  article.querySelector(".duration").textContent = durationText(seconds);
  article.querySelector("audio").src = address;
  article.querySelector(".close").onclick = () => {
    article.remove();
    URL.revokeObjectURL(address);
    document.getElementById("files").focus();
  };
  const ranking = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  const isTag = (place) => scores[place] >= tagger.thresholds[place] && scores[place] > 0;
  const bars = ranking.map((place) => bar(tagger.labels[place], scores[place], tagger.thresholds[place], isTag(place)));
  article.querySelector(".bars").append(...bars);
  const tags = ranking.filter(isTag).map((place) => tagger.labels[place]);
  article.querySelector(".note").textContent = tags.length ? "" : "No label reaches its threshold.";
  const some = bars.filter((_, rank) => rank >= SHOWN_LABELS && !isTag(ranking[rank]));
  const all = article.querySelector(".all");
  all.hidden = !some.length;
  const expand = (isOpen) => {
    for (const one of some) one.hidden = !isOpen;
    all.textContent = isOpen ? "Show fewer labels" : `Show all ${bars.length} labels`;
    all.setAttribute("aria-expanded", String(isOpen));
  };
  all.onclick = () => expand(all.getAttribute("aria-expanded") !== "true");
  expand(false);
  results.prepend(article);
}

function bar(label, score, threshold, isTag) {
  const item = document.getElementById("bar").content.firstElementChild.cloneNode(true);
  item.classList.toggle("tag", isTag);
  item.title = `${label}: ${score.toFixed(3)}, threshold ${threshold.toFixed(2)}`;
  item.dataset.score = String(score);
  item.querySelector(".label").textContent = label;
  item.querySelector(".fill").style.width = `${100 * score}%`;
  item.querySelector(".threshold").style.left = `${100 * threshold}%`;
  item.querySelector(".score").textContent = score.toFixed(2);
  return item;
}

// Ways to bring a sound

const drop = document.getElementById("drop");
addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) tagAll([...event.dataTransfer.files]);
});

document.getElementById("files").onchange = ({ target }) => {
  tagAll([...target.files]);
  target.value = "";
};

const record = document.getElementById("record");
let recorder;

record.onclick = async () => {
  if (recorder) {
    recorder.stop();
    return;
  }
  record.disabled = true; // while the browser asks: a second click would start a second recording
  try {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    const parts = [];
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const began = Date.now();
    const clock = setInterval(() => say(`Recording … ${Math.floor((Date.now() - began) / 1000)} s`), 250);
    recorder.onstop = () => {
      clearInterval(clock);
      for (const track of stream.getTracks()) track.stop();
      record.textContent = "Record";
      record.classList.remove("recording");
      const name = `Recording ${new Date().toLocaleTimeString()}`;
      tagAll([new File(parts, name, { type: recorder.mimeType })]);
      recorder = undefined;
    };
    recorder.start();
    record.textContent = "Stop and tag";
    record.classList.add("recording");
  } catch {
    say("There is no microphone that this page may use; allow it in the browser, or drop a file.", true);
  } finally {
    record.disabled = false;
  }
};

queue = load().then(
  () => say("Ready"),
  (error) => {
    say(`The tagger cannot run in this browser (${error.message}). Try a current version of Firefox, Chrome, Edge or Safari.`, true);
    return new Promise(() => {}); // nothing can be tagged
  },
);
