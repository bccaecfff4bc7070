"use strict";
(function () {
  // SHA-256 of FIPS 180-4: pages that were opened from a server without TLS
  // have no crypto.subtle.
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const fraction = (x) => Math.floor((x - Math.floor(x)) * 4294967296) | 0;
  const K = primes.map((p) => fraction(Math.cbrt(p)));
  const H = primes.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
  const rot = (x, n) => (x >>> n) | (x << (32 - n));

  function sha256(text) {
    const bytes = new TextEncoder().encode(text);
    const padded = new Uint8Array(((bytes.length + 72) >> 6) << 6);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(bytes.length / 536870912));
    view.setUint32(padded.length - 4, (bytes.length << 3) >>> 0);
    const h = H.slice(), w = new Int32Array(64);
    for (let at = 0; at < padded.length; at += 64) {
      for (let i = 0; i < 64; i++) {
        if (i < 16) { w[i] = view.getInt32(at + 4 * i); continue; }
        const a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rot(a, 7) ^ rot(a, 18) ^ (a >>> 3)) + w[i - 7] + (rot(b, 17) ^ rot(b, 19) ^ (b >>> 10));
      }
      const v = h.slice();
      for (let i = 0; i < 64; i++) {
        const s1 = rot(v[4], 6) ^ rot(v[4], 11) ^ rot(v[4], 25);
        const t1 = (v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i]) | 0;
        const s0 = rot(v[0], 2) ^ rot(v[0], 13) ^ rot(v[0], 22);
        const t2 = (s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]))) | 0;
        v.pop();
        v.unshift((t1 + t2) | 0);
        v[4] = (v[4] + t1) | 0;
      }
      for (let i = 0; i < 8; i++) h[i] = (h[i] + v[i]) | 0;
    }
    return h.map((x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
  }

  // damage returns what does not fit, "" for nothing.
  function damage(data) {
    let prev = "0".repeat(64);
    for (let i = 0; i < data.lines.length; i++) {
      let at;
      try { at = JSON.parse(data.lines[i]).prev; } catch (e) { return "Line " + (i + 1) + " cannot be read."; }
      if (at !== prev) return "Line " + (i + 1) + " does not hold the hash of the line before it.";
      prev = sha256(data.lines[i] + "\n");
    }
    if (data.lines.length > 0 && prev !== data.head) return "The last line is not the one that the head names.";
    if (data.lines.length !== data.count) return "The page names " + data.count + " lines and holds " + data.lines.length + ".";
    const shown = Array.from(document.querySelectorAll("#record .v"), (e) => e.textContent).join("\n");
    if (sha256(shown) !== data.shown) return "The text that is shown is not the one that this page was made with.";
    return "";
  }

  function show(data) {
    const lines = document.getElementById("lines");
    // What would steer the text is written out, as elsewhere in the page.
    lines.querySelector("pre").textContent = data.lines.join("\n").replace(/[\p{C}\p{Zl}\p{Zp}]/gu,
      (c) => c === "\n" ? c : "\\u{" + c.codePointAt(0).toString(16) + "}");
    lines.hidden = false;
  }

  const result = document.getElementById("check");
  let bad;
  try {
    const data = JSON.parse(document.getElementById("data").textContent);
    bad = damage(data);
    show(data);
    if (bad === "") result.textContent = "No damage found: the lines that lie in this page fit together and end in the head " + data.head + ", and the text is the one that was made with them.";
  } catch (e) {
    bad = "The lines in this page cannot be read.";
  }
  if (bad !== "") {
    result.className = "damaged";
    result.textContent = "DAMAGED: " + bad + " Take another copy.";
  }
})();
