// Numbers as people of a language write them.

/**
 * @typedef {object} Formats
 * @property {(p: number) => string} percent a probability to a tenth of a percent; never 0 or 100, which no model knows
 * @property {(p: number) => string} share a share, to a tenth of a percent
 * @property {(p: number) => string} whole a share, in whole percents
 * @property {(v: number) => string} signed log-odds, with their sign
 * @property {(v: number) => string} decimal up to three significant digits
 * @property {(v: number) => string} exact up to six significant digits
 * @property {(v: number) => string} ms milliseconds
 * @property {(n: number) => string} count a whole number
 * @property {(n: number) => string} bytes
 * @property {(iso: string) => string} date
 * @property {(n: number) => string} plural the plural's category
 */

/**
 * @param {string} language a BCP 47 tag
 * @returns {Formats}
 */
export function makeFormats(language) {
  const number = (options) => new Intl.NumberFormat(language, options);
  const tenth = number({style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1});
  const whole = number({style: 'percent'});
  const count = number({maximumFractionDigits: 0});
  const signed = number({signDisplay: 'exceptZero', minimumFractionDigits: 2, maximumFractionDigits: 2});
  const fine = number({signDisplay: 'exceptZero', minimumFractionDigits: 3, maximumFractionDigits: 3});
  const decimal = number({maximumSignificantDigits: 3});
  const exact = number({maximumSignificantDigits: 6});
  const plural = new Intl.PluralRules(language);
  const unit = (name, value) => number({style: 'unit', unit: name, unitDisplay: 'short', maximumSignificantDigits: 3}).format(value);
  return {
    percent(p) {
      if (p > 0.999) return `>${tenth.format(0.999)}`;
      if (p < 0.001) return `<${tenth.format(0.001)}`;
      return tenth.format(p);
    },
    whole: (p) => whole.format(p),
    share: (p) => tenth.format(p),
    signed: (v) => (Math.abs(v) < 0.1 ? fine : signed).format(v),
    decimal: (v) => decimal.format(v),
    exact: (v) => exact.format(v),
    ms: (v) => (v < 1000 ? unit('millisecond', v) : number({style: 'unit', unit: 'millisecond', unitDisplay: 'short', maximumFractionDigits: 0}).format(v)),
    count: (n) => count.format(n),
    bytes: (n) => (n < 1e6 ? unit('kilobyte', Math.max(n / 1e3, 0.1)) : unit('megabyte', n / 1e6)),
    date: (iso) => new Intl.DateTimeFormat(language, {dateStyle: 'medium'}).format(new Date(iso)),
    plural: (n) => plural.select(n),
  };
}
