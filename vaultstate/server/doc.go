// Package server drives a running Vault (1.13 to 2.x) or OpenBao (2.3 to 2.7)
// over its HTTP API.
//
// Besides what vaultstate promises of every vault it promises:
//
//   - what a server can do is found by asking it, never by its brand or version
//     (see Way);
//   - before each share the pending operation is read again and compared with
//     what was agreed; whatever differs is ErrChanged, and the share stays here
//     (TestStranger);
//   - no request that changes something is sent twice: nothing here retries, no
//     redirect is followed, no connection is used again;
//   - where an answer is lost, the server is asked what became of the request
//     (ErrLost says what is so);
//   - the environment is not read, proxies are those of Config, the certificate
//     of each node is pinned from the first connection on (ErrPinned), and a node
//     that was not met before people compared certificates is sent nothing
//     (TestNodesPinned, TestNodeNotMet).
//
// It does not promise that the server is honest: what is compared is what the
// server says. It does not promise either that nothing of a share or a token is
// left in this process: net/http wants a token as a string, and its buffers and
// those of TLS hold what went through them until they are used again. Bodies are
// built and read in locked memory, and whatever carries a share goes through a
// Sender, so that another process can have those buffers.
//
// What a server commits, and when:
//
//   - a recovery rekey with verification: Commit sends the proven shares, and
//     the server then makes the new ones count;
//   - one without (SkipProof): the last share in Submit;
//   - a rekey under an HSM seal, which knows no verification: the last share,
//     which is kept here until Commit. A wrong quorum therefore shows in Commit,
//     and the operation is at PhaseAuthority again;
//   - generate-root: the token lives from the last share in Submit on. Cancel
//     revokes it;
//   - init: with the request, in Begin. Where the server can make no recovery
//     key at first, the recovery key is made by a verified rotation, and counts
//     with Commit; until then the root token is the only authority.
//
// What a run of the program leaves pending at the server, the next one can go on
// with (Adopt) or cancel (Discard).
//
// That the answers of real servers are understood is shown by TestRecordings and
// TestReplay*, and TestOpenBao drives a real one.
package server

import "conclave/vaultstate"

// Unseal submits shares to every node that is named: a Shamir seal's unseal
// keys, or recovery shares on a sealed server with an HSM seal.
const Unseal vaultstate.Kind = "unseal"

// The errors that callers branch on, besides the others of vaultstate.
var (
	ErrPinned  = vaultstate.ErrPinned
	ErrUnsafe  = vaultstate.ErrUnsafe
	ErrSealed  = vaultstate.ErrSealed
	ErrStandby = vaultstate.ErrStandby
	ErrClosed  = vaultstate.ErrClosed
	ErrToken   = vaultstate.ErrToken
	ErrLost    = vaultstate.ErrLost
	ErrRefused = vaultstate.ErrRefused
)
