package transcript

// Decode reads one line.
var Decode = decode
