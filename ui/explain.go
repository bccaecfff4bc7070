package ui

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/hsm"
	"conclave/hsm/softhsm"
	"conclave/vaultstate"
	"conclave/vaultstate/serverconfig"
)

// Rules of what people read when something fails:
//
//   - Three sentences: what happened; what state things are in; what to do with
//     the hands. Whole sentences with a full stop, spoken English, no blame.
//   - The first names the thing, not our code. The error's own text comes last,
//     as the code for support.
//   - The second is left to the ceremony where only it knows: the same error is
//     harmless before a commit and grave after it. It is given here only for
//     what cannot happen once anything was changed.
//   - Nothing typed, no bytes from outside but cleaned, no length of a secret.

type sentences struct{ happened, state, do string }

const untouched = "Nothing was changed."

// explained has the three sentences of every sentinel of hsm, vaultstate and
// ceremony.
var explained = []struct {
	err error
	sentences
}{
	{hsm.ErrPINIncorrect, sentences{"The token refused the PIN.", untouched,
		"Check it with whoever keeps the PIN, then type it again. Some tokens lock after a few wrong tries."}},
	{hsm.ErrPINLocked, sentences{"The PIN of the token is locked.", untouched,
		"The security officer of the HSM must reset it, with the vendor's tool. Until then nobody can log in."}},
	{hsm.ErrPINLength, sentences{"The token does not take a PIN of this length.", "The PIN was not tried. " + untouched,
		"Check which PIN belongs to this token, then type it again."}},
	{hsm.ErrPINNotSet, sentences{"The token has no user PIN yet.", untouched,
		"The security officer of the HSM must set one first, with the vendor's tool."}},
	{hsm.ErrNoLibrary, sentences{"The library of the HSM cannot be loaded.", untouched,
		"Check the path given with -hsm-lib or in the configuration, and that the vendor's software is installed."}},
	{hsm.ErrNoPKCS11, sentences{"This build of the program cannot speak to an HSM.", untouched,
		"Use a build made with cgo: see conclave version."}},
	{hsm.ErrTokenNotFound, sentences{"The HSM shows no token of this label.", "",
		"Look whether the device is connected and switched on, and compare its label with the plan; the error below lists what is there."}},
	{hsm.ErrTokenAmbiguous, sentences{"More than one token has this label.", "",
		"Unplug the other one, or name the serial number or the slot in the plan."}},
	{hsm.ErrTokenGone, sentences{"The HSM does not answer.", "",
		"Look at the cable and the lamp on the device, then try again."}},
	{hsm.ErrTimeout, sentences{"The HSM has been silent for too long.", "",
		"Look at the cable and the lamp on the device, then try again."}},
	{hsm.ErrWorker, sentences{"The process with the HSM's library ended.", "",
		"Try again: it is started anew. If it ends again, the vendor's software is at fault."}},
	{hsm.ErrNotLoggedIn, sentences{"Nobody is logged in at the token any more.", "",
		"Try again and enter the PIN once more."}},
	{hsm.ErrKeyNotFound, sentences{"The token has no key of this label and id.", "",
		"Compare label and id with the plan. At an init the key can be made: -hsm-generate-key, or generate_key in the plan."}},
	{hsm.ErrKeyAmbiguous, sentences{"More than one key in the token has this label.", "",
		"Name the key's id in the plan, or rename the other key with the vendor's tool."}},
	{hsm.ErrMechanism, sentences{"The mechanism that was configured is not used here.", untouched,
		"Leave it out, and the first that passes is taken; or name one that the error below lists."}},
	{hsm.ErrNotDestroyed, sentences{"The key was not destroyed, or a part of it is still in the token.", "",
		"Look at what the token holds, with the vendor's tool too. Until it is gone, what this key wrapped still opens."}},
	{hsm.ErrNoData, sentences{"The token keeps no data object, or not what was written into it.", "",
		"Try again. A token that never keeps one cannot hold the vault's anchor: leave anchor out of the plan."}},
	{hsm.ErrNoMechanism, sentences{"The key does not pass with any mechanism.", "",
		"The error below says why of each. Use another key or token; where AES-GCM is missing, name an HMAC key."}},
	{hsm.ErrUnauthentic, sentences{"With this key the seal would authenticate nothing.", "",
		"Use an AES key. An RSA key is used by name only: -hsm-mechanism, and -accept-unauthenticated-seal at an init."}},
	{hsm.ErrWrongKey, sentences{"What the vault has stored does not open with this key of the HSM.", "",
		"Check that this is the HSM and the key that sealed the vault. Do not initialise anew: that would lose the vault."}},

	{hsm.ErrKeyExists, sentences{"The token has a key or an object of this label or id already.", "No key was made.",
		"Use that key, or choose another label and id in the plan."}},
	{hsm.ErrBlob, sentences{"What the vault has stored was not sealed by a PKCS#11 seal.", "",
		"Check that this is the right storage, and the kind of its seal in the server's configuration."}},

	{vaultstate.ErrPinned, sentences{"The server shows another certificate than before.", "",
		"Somebody else may answer at this address. Type no share and no token; find out who changed it."}},
	{vaultstate.ErrUnsafe, sentences{"This connection is not safe.", untouched,
		"Use https with a certificate that is checked. Only to this machine, or in a practice, it may be otherwise."}},
	{vaultstate.ErrSealed, sentences{"The server is sealed.", "",
		"Unseal it, with conclave unseal or its own command, then try again."}},
	{vaultstate.ErrStandby, sentences{"This node is not the active one.", "",
		"Give the address of the active node; the error below names it where the server does. What was pending at a node that stepped down is forgotten."}},
	{vaultstate.ErrClosed, sentences{"The server does not offer this at this address.", "",
		"The error below says where. What its administrator can open, conclave status -address says; then try again, or stop."}},
	{vaultstate.ErrNoToken, sentences{"The vault has no such token.", "",
		"Compare the accessor with the record of the ceremony that made it; it may be revoked already."}},
	{vaultstate.ErrToken, sentences{"The server wants another token for this.", "",
		"Give one whose policy allows it; the error below says for which path."}},
	{vaultstate.ErrLost, sentences{"The server's answer was lost.", "",
		"Nothing was sent twice. Trying again asks the server first; or stop."}},

	{vaultstate.ErrInitialized, sentences{"This vault is already initialised.", untouched,
		"To change its keys use rekey or recovery rekey. An init needs an empty storage."}},
	{vaultstate.ErrNotInitialized, sentences{"This vault is not initialised.", untouched,
		"Check the storage directory. A new vault begins with conclave init."}},
	{vaultstate.ErrNoOperation, sentences{"The vault knows of no such operation.", "",
		"It may have been cancelled by somebody else. Begin the ceremony again."}},
	{vaultstate.ErrPending, sentences{"Another operation is under way on this vault.", "",
		"Let it end, or cancel it, then begin again; conclave status names it. Of a server, the step Server of the next try cancels it."}},
	{vaultstate.ErrTaken, sentences{"The new shares were already handed out once.", "",
		"They are not shown twice. Stop and begin again: the shares that are out are void then."}},
	{vaultstate.ErrCommitted, sentences{"The change is already made and cannot be cancelled.", "",
		"Go on to the checks. What can be undone is asked there."}},
	{vaultstate.ErrNotReady, sentences{"The operation is not ready for this yet.", "",
		"A step before this one is open. Stop and begin again if the pages do not offer it."}},
	{vaultstate.ErrChangedThere, sentences{"Something changed at the server, and this ceremony did not change it.", "",
		"Somebody cancelled or began an operation there, or another node became active: the error below is what the server says. Find out who or what it was before anybody types a share again."}},
	{vaultstate.ErrChanged, sentences{"The vault's state changed, and this ceremony did not change it.", "",
		"Find out who or what did it before anybody types a share: a server that was started, an older copy, another tool. Where two people answer for the state, -adopt-state has them adopt it."}},
	{vaultstate.ErrServerRunning, sentences{"A server runs on this storage.", "",
		"Stop it and keep it stopped until the ceremony is over, then try again. It would overwrite what is written here."}},
	{vaultstate.ErrLocked, sentences{"Another Conclave holds this storage.", untouched,
		"Let the other one end, or stop it, then try again."}},
	{vaultstate.ErrCorrupt, sentences{"The vault's state is damaged.", "",
		"Do not write to it. Compare it with the last backup, and keep a copy of it as it is."}},
	{vaultstate.ErrUnsupported, sentences{"Conclave does not change a state of this kind.", untouched,
		"The error below says what it found. Use the server's own commands for it."}},
	{vaultstate.ErrNothing, sentences{"There is nothing that this operation would change.", untouched,
		"The error below says what it found, and what comes first."}},
	{vaultstate.ErrNoExchange, sentences{"This file system cannot exchange two directories in one step.", untouched,
		"Move the storage to a local ext4, XFS or Btrfs file system. NFS, some FUSE and overlay file systems cannot do it."}},
	{vaultstate.ErrTooManySubsets, sentences{"There are too many combinations of shares to find the wrong one.", "",
		"Let fewer custodians type their shares: one more than the vault needs is enough."}},
	{vaultstate.ErrSingleValue, sentences{"The root key is not split under an HSM seal.", untouched,
		"Leave key shares, key threshold and stored shares at 1, or leave them out."}},

	// After the others, which are refusals, too.
	{vaultstate.ErrRefused, sentences{"The server refuses this.", "",
		"The error below has its own words, and names the request. Nothing is sent again unless you choose to try again."}},

	{ceremony.ErrStale, sentences{"The answer came too late: it belongs to a page that has gone.", "Nothing happened.",
		"Look at the page that is on the screen now."}},
	{ceremony.ErrBusy, sentences{"The program is still at work on the last answer.", "This one was not taken.",
		"Wait until the page changes."}},
	{ceremony.ErrNotHere, sentences{"This cannot begin at this page.", "Nothing happened.",
		"Finish the page first."}},
	{ceremony.ErrOnline, sentences{"The plan says that this machine is on no network, and an interface is up.", "",
		"Take the cable out or turn the interface off; the error below names it. Then try again. What came over it until now nobody knows: think of whether to stop."}},
	{ceremony.ErrOver, sentences{"The ceremony is over.", "Nothing happened.",
		"Begin another one for what is still to do."}},
	{folder.ErrLocked, sentences{"Another Conclave works in this directory.", untouched,
		"Let the other one end, or give this ceremony another directory."}},
	{folder.ErrNoRecord, sentences{"There is no transcript in this directory.", untouched,
		"Give the directory that the ceremony wrote, or the transcript file itself."}},
	{folder.ErrMedium, sentences{"The second medium cannot be read or written.", "",
		"Look whether it is in, mounted and not full; or put in another one. Then try again."}},
	{folder.ErrRuns, sentences{"The list of the runs in this directory cannot be read.", untouched,
		"Somebody changed it. Put back the copy that belongs to these records, or give the ceremony another directory."}},
	{custodian.ErrChain, sentences{"The records that were given do not follow one another.", untouched,
		"Give all records of this vault since its init, in their order; the error below names the gap."}},
	{transcript.ErrOver, sentences{"The record of this ceremony is closed.", "Nothing was added to it.",
		"Begin another ceremony: a closed record is never written to."}},
	{transcript.ErrNoteKey, sentences{"This is no key that signs records.", untouched,
		"An Ed25519 or ECDSA P-256 key is needed, under the name that the plan gives."}},
	{softhsm.ErrNoSoftHSM, sentences{"SoftHSM is not installed on this machine.", untouched,
		"Install it for rehearsals: make setup names the command."}},

	{context.Canceled, sentences{"The work was stopped.", "", "Try again, or stop the ceremony."}},
	{context.DeadlineExceeded, sentences{"The work took longer than it may.", "", "Try again, or stop the ceremony."}},
	{syscall.ENOSPC, sentences{"The disk is full.", "", "Make room on it, then try again."}},
	{fs.ErrPermission, sentences{"The program may not do this with a file.", "",
		"Run it as the user that owns the storage, or correct the owner and mode that the error below names."}},
	{fs.ErrNotExist, sentences{"A file that is needed is not there.", "", "Check the path that the error below names."}},
	// The last: it wraps the reason, which says more.
	{transcript.ErrUnsigned, sentences{"The record's checkpoint is not signed.", "", "Look at the key in the HSM that the plan names for it."}},
}

// Explain turns an error into what people read. State is empty where the
// ceremony has to say it.
func Explain(err error) ceremony.Problem {
	var q *vaultstate.QuorumError
	if errors.As(err, &q) && q.Err == nil {
		happened := "The shares do not make the recovery key."
		if q.Unseal {
			happened = "The shares do not make the unseal key."
		}
		return ceremony.Problem{Happened: happened, Code: cause(err),
			Do: "Compare the set id and the date on the sheets. The pages name the wrong share where that can be known."}
	}
	var c *serverconfig.Error
	if errors.As(err, &c) {
		return ceremony.Problem{Happened: "The server's configuration cannot be used as it is.", State: untouched,
			Do: "Look at the file and the line that the error below names.", Code: cause(err)}
	}
	p := ceremony.Problem{Happened: "Something failed that the program has no better words for.",
		Do: "Try again, or stop. Quote the line below and the number of the last event when you ask for help."}
	for _, e := range explained {
		if errors.Is(err, e.err) {
			p = ceremony.Problem{Happened: e.happened, State: e.state, Do: e.do}
			break
		}
	}
	p.Code = cause(err)
	var h *hsm.Error
	if errors.As(err, &h) {
		return byToken(p, h)
	}
	return p
}

// cause is an error's own text. What went wrong stands at its end, behind what
// was being done: of a long one the middle is left out.
func cause(err error) string {
	const begin, gap = 60, " ... "
	text := []rune(clean.Cut(err.Error(), longestText))
	if len(text) <= clean.Max {
		return string(text)
	}
	return string(text[:begin]) + gap + string(text[len(text)-(clean.Max-begin-len([]rune(gap))):])
}

// byToken takes the sentences of the HSM's own error, which name the token and
// know what its flags say. The first is what happened; what to do is the rest.
func byToken(p ceremony.Problem, h *hsm.Error) ceremony.Problem {
	happened, rest, _ := strings.Cut(h.Sentence, ". ")
	p.Happened = say(strings.TrimSuffix(happened, ".") + ".")
	switch {
	case errors.Is(h, hsm.ErrPINIncorrect):
		// Its rest counts the tries; it does not say what to do. That one was
		// made already, the page says by itself.
		rest = strings.Replace(rest, " A wrong try was already made.", "", 1)
		p.Do = strings.TrimSpace(say(rest) + " Check it with whoever keeps the PIN, then type it again.")
	case rest != "":
		p.Do = say(rest)
	}
	// "C_Login, CKR_PIN_INCORRECT" is what stands in the brackets.
	p.Code = say(strings.TrimSuffix(strings.TrimPrefix(h.Error(), h.Sentence+" ("), ")"))
	return p
}
