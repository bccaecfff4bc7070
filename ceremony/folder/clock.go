package folder

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock reads the machine's wall clock and CLOCK_BOOTTIME, which goes on while
// the machine sleeps and does not follow the wall clock when that is set.
func Clock() (time.Time, time.Duration) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("folder: this system has no CLOCK_BOOTTIME") // Linux has it since 2.6.39
	}
	return time.Now(), time.Duration(ts.Nano())
}
