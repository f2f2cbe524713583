/* A page that is opened from a disk may start no worker, and the search runs in one. There, a frame of the same page takes
   the worker's place: it runs the same script, and messages go to and fro as they would with a worker. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.documentElement.append(frame);
      this.inside = frame.contentWindow;
      const inside = this.inside;
      inside.postMessage = message => setTimeout(() => this.hear(message));
      inside.importScripts = (...scripts) => scripts.reduce((done, script) => done.then(() => this.load(script)), Promise.resolve());
      this.load(address).then(() => { this.ready = true; this.waiting.splice(0).forEach(message => this.postMessage(message)); });
    }
    load(script) {
      return new Promise((done, fail) => {
        const element = this.inside.document.createElement("script");
        element.src = new URL(script, location.href);
        element.onload = done;
        element.onerror = fail;
        this.inside.document.documentElement.append(element);
      });
    }
    hear(message) {
      const event = new MessageEvent("message", {data: message});
      this.dispatchEvent(event);
      this.onmessage?.(event);
    }
    postMessage(message) {
      if (!this.ready) { this.waiting.push(message); return; }
      this.inside.dispatchEvent(new this.inside.MessageEvent("message", {data: message}));
      this.inside.onmessage?.(new this.inside.MessageEvent("message", {data: message}));
    }
    terminate() {}
  };
}
