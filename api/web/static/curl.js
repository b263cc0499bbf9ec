// The command that repeats a request.

/**
 * @param {string} text
 * @returns {string} one word for a POSIX shell
 */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {string} url
 * @param {string} file its name; one with control characters, which a terminal may obey, is left to the user
 * @param {boolean} keyed whether the server asks for a key, which the command takes from the environment
 * @returns {string}
 */
export function curlOf(url, file, keyed) {
  const name = /[\p{Cc}\p{Cf}\u2028\u2029]/u.test(file) ? 'FILE' : file;
  const key = keyed ? ' -H "Authorization: Bearer $SPIKERAY_KEY"' : '';
  return `curl${key} --data-binary ${quoted(`@${name}`)} ${quoted(url)}`;
}
