// Collects the microphone's samples into hops, and plays what comes back; silence where it is late.
registerProcessor("hops", class extends AudioWorkletProcessor {
  constructor({ processorOptions: { hop } }) {
    super();
    [this.block, this.filled, this.ready] = [new Float32Array(hop), 0, []];
    this.port.onmessage = ({ data }) => this.ready.push({ data, at: 0 });
  }

  process([[input]], [[output]]) {
    for (let i = 0; i < output.length; i++) {
      this.block[this.filled++] = input ? input[i] : 0;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block.slice());
        this.filled = 0;
      }
      const next = this.ready[0];
      output[i] = next ? next.data[next.at++] : 0;
      if (next && next.at === next.data.length) this.ready.shift();
    }
    return true;
  }
});
