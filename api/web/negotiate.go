package web

import (
	"mime"
	"strconv"
	"strings"
)

// acceptsGzip tells whether an Accept-Encoding header allows gzip (RFC 9110, 12.5.3). Without one, it is not sent.
func acceptsGzip(header []string) bool {
	named, any := -1.0, -1.0
	for _, line := range header {
		for part := range strings.SplitSeq(line, ",") {
			coding, parameters, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			weight := 1.0
			if q, ok := parameters["q"]; ok {
				if weight, err = strconv.ParseFloat(q, 64); err != nil {
					continue
				}
			}
			switch coding {
			case "gzip", "x-gzip":
				named = max(named, weight)
			case "*":
				any = max(any, weight)
			}
		}
	}
	if named >= 0 {
		return named > 0
	}
	return any > 0
}

// matches tells whether an If-None-Match header has the entity tag, by weak comparison (RFC 9110, 13.1.2). No tag of this
// package has a comma.
func matches(header []string, tag string) bool {
	for _, line := range header {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if one == "*" || one == tag {
				return true
			}
		}
	}
	return false
}
