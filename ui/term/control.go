package term

// Control sequences that this package writes or looks for.
const (
	enterAlt    = "\x1b[?1049h"
	leaveAlt    = "\x1b[?1049l"
	pasteOff    = "\x1b[?2004l"
	pasteOn     = "\x1b[?2004h"
	focusOff    = "\x1b[?1004l"
	focusOn     = "\x1b[?1004h"
	showCursor  = "\x1b[?25h"
	hideCursor  = "\x1b[?25l"
	plainText   = "\x1b[0m"
	dropHistory = "\x1b[3J" // an extra, after a secret was shown
)
