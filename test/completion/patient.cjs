// Required by the built program before it starts (node --require): its clock begins half a minute earlier, so that completions,
// which have a part of a second from the start of the program, may take as long as a busy machine needs.
const now = performance.now.bind(performance);
performance.now = () => now() - 30_000;
