//go:build cgo

package worker

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"github.com/miekg/pkcs11"

	"conclave/hsm/secret"
)

// module is the loaded library with its one login.
//
// mu is held for reading by everything that uses a session, for writing by what
// ends sessions: login, logout, restart.
type module struct {
	mu     sync.RWMutex
	ctx    *pkcs11.Ctx // nil before load
	gen    uint64      // of object handles: they end with a login
	slot   uint        // of the login, and of the sessions in pool
	mode   uint        // flags of C_OpenSession
	label  string      // of that token, to find it again
	serial string
	in     bool                 // logged in
	kept   pkcs11.SessionHandle // open as long as the login is: the last session closed logs out
	pin    secret.Bytes         // from login to logout
	hasPIN bool                 // also true for a login at the token's own pad
	pool   *sessions
}

// borrow makes a string of secret bytes without copying them. The string must
// not outlive them.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (m *module) load(path string) (Library, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx != nil {
		return Library{}, errBad
	}
	where, err := locate(path)
	if err != nil {
		return Library{}, err
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return Library{}, &LoadError{Reason: where + " is not a PKCS#11 library"}
	}
	if err := initialize(ctx); err != nil {
		return Library{}, err
	}
	m.ctx = ctx
	i, err := ctx.GetInfo()
	if err != nil {
		return Library{}, fault("C_GetInfo", err)
	}
	return Library{Path: where, Manufacturer: Trim(i.ManufacturerID), Description: Trim(i.LibraryDescription),
		Version: fmt.Sprintf("%d.%d", i.LibraryVersion.Major, i.LibraryVersion.Minor)}, nil
}

// EnvParameters names the start parameters of NSS's softoken, as NSS itself
// calls them: configdir='sql:/DIR' certPrefix=” keyPrefix=” secmod='secmod.db'.
const EnvParameters = "NSS_LIB_PARAMS"

// initialize starts the library; one that does not start without parameters
// gets them.
func initialize(ctx *pkcs11.Ctx) error {
	err := ctx.Initialize()
	text := os.Getenv(EnvParameters)
	if err == pkcs11.Error(pkcs11.CKR_ARGUMENTS_BAD) && text != "" { //nolint:errorlint // the binding returns it plain
		// NSS has its parameters where the standard has pReserved. It may keep
		// the text.
		err = ctx.Initialize(pkcs11.InitializeWithReserved(parameters(text)))
	}
	return fault("C_Initialize", err)
}

// close ends the library in order, as some leave things behind otherwise.
func (m *module) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx == nil {
		return
	}
	m.leave()
	_ = m.ctx.Finalize() // the process ends next
}

// leave ends the login and every session, and wipes the PIN. mu is held.
func (m *module) leave() {
	if m.in {
		_ = m.ctx.Logout(m.kept) // closing the last session does it too, nearly everywhere
	}
	m.drop()
	m.pin.Wipe()
	m.hasPIN = false
}

// drop ends the sessions but keeps the PIN. mu is held.
func (m *module) drop() {
	if m.pool != nil {
		m.pool.closeAll()
		m.pool = nil
	}
	if m.in {
		_ = m.ctx.CloseSession(m.kept)
	}
	m.in = false
	m.gen++
}

// login calls C_Login once. mu is held.
func (m *module) login(slot uint, pin []byte) error {
	info, err := m.ctx.GetTokenInfo(slot)
	if err != nil {
		return fault("C_GetTokenInfo", err)
	}
	sh, err := m.ctx.OpenSession(slot, m.mode)
	if err != nil {
		return fault("C_OpenSession", err)
	}
	// A login that is left from before would make any PIN look right.
	if i, err := m.ctx.GetSessionInfo(sh); err == nil && (i.State == pkcs11.CKS_RO_USER_FUNCTIONS || i.State == pkcs11.CKS_RW_USER_FUNCTIONS) {
		_ = m.ctx.Logout(sh) // C_Login says if it failed
	}
	checked := true
	err = m.ctx.Login(sh, pkcs11.CKU_USER, borrow(pin))
	if err == pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN) { //nolint:errorlint // the binding returns it plain
		checked, err = false, nil // logged in, but by somebody else: this PIN was not looked at
	}
	if err != nil {
		_ = m.ctx.CloseSession(sh) // C_Login's error is the one to report
		return fault("C_Login", err)
	}
	m.slot, m.kept, m.in = slot, sh, true
	m.label, m.serial = Trim(info.Label), Trim(info.SerialNumber)
	m.pool = newSessions(m.ctx, slot, m.mode, info.MaxSessionCount)
	m.gen++
	if checked && !m.hasPIN {
		m.pin, m.hasPIN = secret.New(len(pin)), true
		secret.Copy(m.pin.Expose(), pin)
	}
	return nil
}

// relogin logs out and in with the kept PIN. One that fails is not tried again.
func (m *module) relogin(restart bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.in:
		return ErrNotLoggedIn
	case !m.hasPIN:
		return ErrNoPIN
	}
	_ = m.ctx.Logout(m.kept) // a token that is gone shows below
	m.drop()
	err := m.again(restart)
	if err != nil {
		m.pin.Wipe()
		m.hasPIN = false
	}
	return err
}

func (m *module) again(restart bool) error {
	slot := m.slot
	if restart {
		if err := m.ctx.Finalize(); err != nil {
			return fault("C_Finalize", err)
		}
		if err := initialize(m.ctx); err != nil {
			return err
		}
		var err error
		if slot, err = m.refind(); err != nil {
			return err
		}
	}
	return m.login(slot, m.pin.Expose())
}

// refind finds the token by label and serial: slots are numbered anew. Where it is
// in none, a slot that did not say what it holds is the reason to give.
func (m *module) refind() (uint, error) {
	slots, err := m.ctx.GetSlotList(true)
	if err != nil {
		return 0, fault("C_GetSlotList", err)
	}
	var silent error
	for _, slot := range slots {
		i, err := m.ctx.GetTokenInfo(slot)
		if err != nil {
			silent = fault("C_GetTokenInfo", err)
			continue
		}
		if Trim(i.Label) == m.label && Trim(i.SerialNumber) == m.serial {
			return slot, nil
		}
	}
	if silent != nil {
		return 0, silent
	}
	return 0, &Fault{Call: "C_GetSlotList", Code: pkcs11.CKR_TOKEN_NOT_PRESENT}
}

// use runs f with a session of its own. A session that saw an error is closed:
// some tokens leave an operation open in it.
func (m *module) use(f func(pkcs11.SessionHandle) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.in {
		return ErrNotLoggedIn
	}
	sh, err := m.pool.take()
	if err != nil {
		return fault("C_OpenSession", err)
	}
	err = f(sh)
	m.pool.give(sh, err == nil)
	return err
}

// useObject is use with a handle, which must be of this login.
func (m *module) useObject(h Handle, f func(pkcs11.SessionHandle, pkcs11.ObjectHandle) error) error {
	return m.use(func(sh pkcs11.SessionHandle) error {
		if h.gen != m.gen {
			return ErrStale
		}
		return f(sh, pkcs11.ObjectHandle(h.object))
	})
}
