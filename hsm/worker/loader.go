//go:build cgo

package worker

/*
#cgo linux LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

// whence loads path for good. It returns where the loader found it, or NULL
// with the loader's reason in why.
static char *whence(const char *path, char **why) {
	*why = NULL;
	void *h = dlopen(path, RTLD_LAZY);
	if (h == NULL) {
		const char *e = dlerror();
		*why = strdup(e != NULL ? e : "no reason given");
		return NULL;
	}
	struct link_map *m = NULL;
	if (dlinfo(h, RTLD_DI_LINKMAP, &m) != 0 || m == NULL || m->l_name == NULL)
		return strdup(path);
	return strdup(m->l_name);
}
*/
import "C"

import "unsafe"

// locate loads the library and says which file that was. The binding says
// neither that nor why it fails.
func locate(path string) (string, error) {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	var why *C.char
	found := C.whence(p, &why)
	defer C.free(unsafe.Pointer(why))
	defer C.free(unsafe.Pointer(found))
	if found == nil {
		return "", &LoadError{Reason: C.GoString(why)}
	}
	return C.GoString(found), nil
}

// parameters makes a C string for good.
func parameters(text string) unsafe.Pointer { return unsafe.Pointer(C.CString(text)) }
