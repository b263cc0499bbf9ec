package telemetry

import "runtime/debug"

// Build says which build of the program runs.
type Build struct {
	// Version is the module's version, "devel" when it has none.
	Version string
	// Revision is the commit, with "+dirty" when the tree had changes; empty when
	// the build did not know.
	Revision string
	// GoVersion is the toolchain's, as "go1.26.0".
	GoVersion string
}

// ReadBuild tells the running program's build from what the toolchain put
// into it. A version that is not empty stands in for the module's.
func ReadBuild(version string) Build {
	b := Build{Version: version}
	info, ok := debug.ReadBuildInfo()
	if ok {
		b.GoVersion = info.GoVersion
		if b.Version == "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
		dirty := false
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.modified":
				dirty = s.Value == "true"
			}
		}
		if dirty && b.Revision != "" {
			b.Revision += "+dirty"
		}
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}
