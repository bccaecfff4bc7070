// Package api is the HTTP API of Vault and OpenBao for key operations, in front
// of a local vault: for automation and for the stock command lines, where there
// is no room and no ceremony. `conclave serve` wires it.
//
// It is the same API: paths, fields, statuses and messages are those of OpenBao
// 2.5 (TestSameAsOpenBao holds them to a real server's). What is refused changes
// nothing, with the one exception that a server has as well: shares that make no
// key are forgotten together.
//
// # Promises
//
//   - a request reaches the vault only through the gate: from this user over the
//     unix socket, or over loopback with the session's token; never from a page
//     in a browser (see gate; TestBrowser, TestOtherUser, TestNoToken);
//   - what Allow does not name, or with Once not any more, is answered as a server
//     answers whose endpoint is closed;
//   - every request is an event of the record, on disk before it is answered, and
//     one that may change something before it is acted upon as well; none of the
//     events names a person, but for the holders whom the plan of an init does;
//   - shares, tokens and one-time passwords are read into locked memory, kept
//     there and built into answers there; none is in an event or an error
//     (TestNothingLeaks);
//   - before every request that may change something, the digest of core/ is
//     compared with what the session left or found; a difference ends all changes;
//   - every PGP key is encrypted to on trial before anything begins, and shares
//     for PGP keys are in the record, on disk, before they count.
//
// It does not promise that nothing of a share or a token is left in this process:
// net/http has headers as strings, and its buffers hold what went through them
// until they are used again. It does not promise that somebody is who they say,
// that a share reached anybody, or that two people were there: it sees one
// process that belongs to this user.
//
// # Deliberate differences
//
//   - init takes secret_shares, secret_threshold and stored_shares of 1 (a real
//     server with an HSM seal refuses the first two even then). Any other value is
//     refused, there and at a rekey of the root key, where servers make 1 of it
//     without a word. 0 is absent;
//   - init without recovery shares, or a threshold of 0, is refused: nothing could
//     ever be authorised;
//   - shares go to PGP keys, unless the session allows plain ones; no key twice;
//   - a rekey of the recovery key demands verification, and keeps no backup;
//   - one operation is pending at a time, of whatever kind; it holds the lock of
//     the storage;
//   - otp and pgp_key together are refused (servers ignore the second);
//   - a body that is no JSON is refused without a word of it, and bodies are
//     bounded (maxBody);
//   - shares that make no key because two have one x-coordinate, or lengths
//     differ, are forgotten as well: a server keeps them and stands still;
//   - a token is looked up in the storage, and only a root token without an end
//     counts; key-status and rotate want one, and so does nothing else;
//   - key-status counts no encryptions: 0;
//   - a method that an endpoint does not have is 405 (servers take any for update);
//   - rotate/root, rotate/recovery, unseal, seal and backups do not exist.
package api
