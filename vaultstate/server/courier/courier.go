// Package courier sends one request to a server from a process of its own: a
// server.Sender for what carries a share or a token, or is answered with one.
//
// The program starts itself again (/proc/self/exe, marked in argv[0]); Child,
// called in main, turns that process into the courier. It hardens itself, says
// so, reads one request, sends it once with server.Send, writes the answer back
// and ends. What the HTTP library copied ends with it.
//
// It promises:
//   - the request is not written before the child said that it is hardened, as the
//     kernel confirms: not dumpable, no core, no new privileges (TestReady).
//     Another process of the same user can neither read nor trace it (TestHidden);
//   - a client's TLS key is among them, so that what TLS makes of it ends with the
//     child, too;
//   - the child gets no variable but those by which TLS finds certificates, no
//     descriptor but its socket and /dev/null, and a session of its own;
//   - it is killed when the request's time is up, or the context ends, and ends by
//     itself when its parent is gone (TestOrphan);
//   - secrets are in no argument, no variable and no log; on our side they lie in
//     secret.Bytes, and nothing of them is left elsewhere (TestLeavesNothing).
//
// It does not promise that the kernel's socket buffers are wiped, nor that root
// cannot look. A child that ends without an answer is an error that does not say
// whether the request arrived: the driver asks the server.
//
// A message is a head, fields, and zeros up to a multiple of 4096 bytes, so that
// the length of a share does not show outside (TestLengths):
//
//	0  magic   "CHC1"
//	4  kind    uint32   1 ready, 2 request, 3 answer
//	8  length  uint32   of the fields
//	12 zero    uint32
//	16 fields, each: its length as uint32, its bytes
//
// All numbers are big-endian; a number that is a field has eight bytes. Each kind
// has its fields in one order, each with a greatest length (message.go); whatever
// differs is refused (TestRefused, FuzzMessages).
package courier

// marker is argv[0] of the child.
const marker = "conclave-courier"
