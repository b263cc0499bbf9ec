package evaluate

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// WriteText prints the report for people: the classification report as
// scikit-learn lays it out, the confusion matrix and the statistics with their
// 95% intervals.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

	line("\tprecision\trecall\tf1\tsupport\t")
	for _, c := range []struct {
		name string
		Class
	}{{"NORMAL", r.Normal}, {"PNEUMONIA", r.Pneumonia}, {"macro average", r.Macro}, {"weighted average", r.Weighted}} {
		line("%s\t%s\t%s\t%s\t%d\t", c.name, c.Precision, c.Recall, c.F1, c.Support)
	}
	line("")
	line("truth \\ answer\tNORMAL\tPNEUMONIA\t")
	line("NORMAL\t%d\t%d\t", r.Confusion[0][0], r.Confusion[0][1])
	line("PNEUMONIA\t%d\t%d\t", r.Confusion[1][0], r.Confusion[1][1])
	line("")
	line("%d pictures, threshold %g\t\t95%% interval\t", r.N, r.Threshold)
	statistic := func(name string, value Number, intervals map[string]Interval, key string) {
		interval := ""
		if i, ok := intervals[key]; ok {
			interval = fmt.Sprintf("%s to %s", i[0], i[1])
		}
		line("%s\t%s\t%s\t", name, value, interval)
	}
	decisions := func(d *Decisions) {
		statistic("accuracy", d.Accuracy, d.Intervals, "accuracy")
		statistic("sensitivity", d.Sensitivity, d.Intervals, "sensitivity")
		statistic("specificity", d.Specificity, d.Intervals, "specificity")
		statistic("F1, pneumonia", d.F1Pneumonia, d.Intervals, "f1_pneumonia")
		statistic("F1, weighted", d.F1Weighted, d.Intervals, "f1_weighted")
	}
	decisions(&r.Decisions)
	statistic("AUC", r.AUC, r.Intervals, "auc")
	statistic("Brier score", r.Brier, r.Intervals, "brier")
	statistic("calibration error", r.ECE, r.Intervals, "ece")
	statistic("Brier score, raw", r.BrierRaw, r.Intervals, "brier_raw")
	statistic("calibration error, raw", r.ECERaw, r.Intervals, "ece_raw")
	for i := range r.OperatingPoints {
		p := &r.OperatingPoints[i]
		line("")
		line("%s, threshold %g\t\t95%% interval\t", p.Name, p.Threshold)
		decisions(&p.Decisions)
	}
	return t.Flush()
}

// String is the number with three decimals, or a dash when it is undefined.
func (n Number) String() string {
	if math.IsNaN(float64(n)) {
		return "-"
	}
	return fmt.Sprintf("%.3f", float64(n))
}
