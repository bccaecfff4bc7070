//go:build mmapfallback

package secret

const forceFallback = true
