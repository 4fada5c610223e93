'use strict';
// Texts go in as text nodes only: ids and errors come from whoever writes entities.
const base = location.pathname.replace(/\/+$/, '');
const by = id => document.getElementById(id);
const view = { status: null, history: null, type: '', startedAt: null, answeredAt: null };

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter(child => child !== null));
  return element;
}
// Only what differs is touched: a screen reader, a selection and the focus stay where they are.
const tell = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const tone = (element, name, ...tones) => tones.forEach(each => element.classList.toggle(each, each === name));

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const few = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const dateAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const whole = value => value < 1e10 ? number.format(value) : compact.format(value);
const rate = value => value >= 100 || value === 0 ? whole(value) : few.format(value);
function time(at) {
  const date = new Date(at);
  return (Math.abs(Date.now() - date) < 12 * 3600e3 ? clock : dateAndTime).format(date);
}
function span(seconds) {
  for (const [unit, size, least] of [['d', 86400, 172800], ['h', 3600, 7200], ['min', 60, 120], ['s', 1, 1], ['ms', .001, .001]]) {
    if (seconds >= least) return `${few.format(seconds / size)} ${unit}`;
  }
  return seconds > 0 ? `${few.format(seconds * 1e6)} µs` : '0 s';
}

async function call(path, { method = 'GET', exact = false, seconds = 15 } = {}) {
  let answer;
  try {
    answer = await fetch(`${base}/${path}`, {
      method, headers: method === 'POST' ? { 'X-WriteBehind': '1' } : {}, signal: AbortSignal.timeout(seconds * 1000), cache: 'no-store',
    });
  } catch (error) {
    throw new Error(error.name === 'TimeoutError' ? `The server has not answered for ${seconds} s.` : 'The server can’t be reached.');
  }
  // Where a number has more digits than a script can hold, those of a state are kept as they were written.
  const keep = (_, value, context) => typeof value === 'number' && context?.source && String(value) !== context.source && JSON.rawJSON
    ? JSON.rawJSON(context.source) : value;
  let body = null;
  try { body = JSON.parse(await answer.text(), exact ? keep : undefined); } catch { /* said below */ }
  if (!answer.ok) throw new Error(body?.detail ?? `The server answers ${answer.status} ${answer.statusText}.`);
  if (body === null) throw new Error('The answer is not from WriteBehind. You may have to sign in again: reload the page.');
  return body;
}

function say(text, isBad = false) {
  const [line, close] = by('said').children;
  by('said').classList.toggle('bad', isBad);
  tell(line, text);
  close.hidden = !text;
}
by('said').lastElementChild.addEventListener('click', () => say(''));

// A button is off while its work is under way.
async function act(button, work) {
  if (button.getAttribute('aria-disabled')) return;
  button.setAttribute('aria-disabled', 'true');
  try {
    const said = await work();
    if (said) { say(said); letters.count = null; await refresh(); }
  } catch (error) { say(error.message, true); } finally { button.removeAttribute('aria-disabled'); }
}
const button = (label, work, attributes = {}) =>
  make('button', { type: 'button', onclick: event => act(event.currentTarget, work), ...attributes }, label);

// Asks before something is done; null where the answer is no.
function ask(title, text, yes, { isDanger = false, more = null } = {}) {
  const dialog = by('ask');
  tell(by('ask-title'), title); tell(by('ask-text'), text); tell(by('ask-yes'), yes);
  by('ask-more').replaceChildren(...(more ? [more] : []));
  by('ask-yes').className = `main ${isDanger ? 'danger' : ''}`;
  return new Promise(resolve => {
    const end = answer => { dialog.close(); resolve(answer); };
    by('ask-yes').onclick = () => end(true);
    by('ask-no').onclick = () => end(null);
    dialog.oncancel = () => resolve(null);
    dialog.showModal();
    (isDanger ? by('ask-no') : by('ask-yes')).focus();
  });
}

// ---- the tables of types: rows are made once and kept

function cell(label, withBar = false) {
  const value = make('span', { class: 'value' }), note = make('span', { class: 'note' });
  const fill = make('i'), bar = make('div', { class: 'bar', 'aria-hidden': 'true' }, fill);
  const element = make('td', { role: 'cell', 'data-label': label }, make('div', {}, value, note, withBar ? bar : null));
  return {
    element,
    show(text, more = '', mood = '', part = null) {
      tell(value, text); tell(note, more); tone(value, mood, 'good', 'fair', 'bad'); tone(bar, mood, 'fair', 'bad');
      fill.style.width = `${Math.min(100, Math.max(0, 100 * (part ?? 0)))}%`;
    },
  };
}
const rowHead = type => make('th', { role: 'rowheader', scope: 'row' }, make('bdi', {}, type));

function serviceRow(name) {
  const dirty = cell('Dirty', true), age = cell('Oldest unflushed', true), letters = cell('Dead letters');
  const badge = make('span', { class: 'badge' }), note = make('span', { class: 'note' });
  const pause = button('Pause …', () => pauseOrResume(name), { class: 'small' });
  const element = make('tr', { role: 'row' }, rowHead(name), dirty.element, age.element, letters.element,
    make('td', { role: 'cell', 'data-label': 'Flush' }, make('div', {}, badge, note)),
    make('td', { role: 'cell', class: 'act' }, make('div', {}, pause)));
  return {
    element,
    show(type) {
      const old = type.oldestDirtyAgeSeconds ?? 0, limit = type.maxAgeSeconds, full = type.dirty / type.maxDirty;
      dirty.show(whole(type.dirty), `of ${whole(type.maxDirty)}`, full >= .95 ? 'bad' : full >= .7 ? 'fair' : '', full);
      age.show(type.oldestDirtyAgeSeconds === null ? '–' : span(old), `MaxAge ${span(limit)}`,
        old > 3 * limit ? 'bad' : old > limit ? 'fair' : '', old / (3 * limit));
      letters.show(whole(type.deadLetters), '', type.deadLetters ? 'bad' : '');
      tell(badge, type.pause ? 'paused' : 'running'); tone(badge, type.pause ? 'fair' : 'good', 'good', 'fair');
      tell(note, type.pause ? `until ${time(type.pause.until)}, by ${type.pause.by}` : '');
      tell(pause, type.pause ? 'Resume' : 'Pause …');
      pause.setAttribute('aria-label', `${type.pause ? 'Resume' : 'Pause'} the flush of ${name}`);
    },
  };
}

function ownRow(name) {
  const cells = ['Writes', 'Rows', 'Acknowledged in', 'Writes per row', 'Acknowledged', 'Refused', 'Conflicts'].map(label => cell(label));
  const badge = make('span', { class: 'badge' }), error = make('div', { class: 'error clamp', dir: 'auto' });
  const element = make('tr', { role: 'row' }, rowHead(name), cells.map(each => each.element),
    make('td', { role: 'cell', 'data-label': 'Database' }, make('div', {}, badge, error)));
  const breakers = { Closed: ['good', 'up'], Open: ['bad', 'away'], HalfOpen: ['fair', 'trying'] };
  return {
    element,
    show(type) {
      const [writes, rows, ack, ratio, acknowledged, refused, conflicts] = cells, count = type.counters;
      const p99 = view.history?.types.find(each => each.type === name)?.ackP99Seconds.findLast(each => each !== null);
      writes.show(rate(type.rates.writesPerSecond), 'per second'); rows.show(rate(type.rates.rowsPerSecond), 'per second');
      ack.show(p99 ? span(p99) : '–', 'p99');
      ratio.show(count.rowsApplied ? rate(count.writesAcknowledged / count.rowsApplied) : '–');
      acknowledged.show(whole(count.writesAcknowledged));
      refused.show(whole(count.refused), count.refused ? 'buffer full' : '', count.refused ? 'fair' : '');
      conflicts.show(whole(count.conflicts));
      const [mood, text] = breakers[type.breaker] ?? ['fair', type.breaker];
      tell(badge, text); tone(badge, mood, 'good', 'fair', 'bad'); tell(error, type.lastError ?? '');
    },
  };
}

const rows = { service: new Map(), own: new Map() };
function showTypes(table, makeRow, types) {
  const body = by(table).tBodies[0], known = rows[table];
  if (known.size !== types.length || types.some(type => !known.has(type.type))) {
    known.clear();
    types.forEach(type => known.set(type.type, makeRow(type.type)));
    body.replaceChildren(...[...known.values()].map(row => row.element));
  }
  types.forEach(type => known.get(type.type).show(type));
}

function showLoops(loops) {
  const failing = loops.filter(loop => loop.consecutiveFailures).length;
  tell(by('loops').querySelector('summary'), `Background loops: ${loops.length}, ${failing ? `${failing} failing` : 'all well'}`);
  if (by('loops').open) {
    by('loops').querySelector('ul').replaceChildren(...loops.map(loop => make('li', {}, loop.consecutiveFailures
      ? `${loop.name}: failed ${whole(loop.consecutiveFailures)} times in a row: ${loop.lastError}`
      : `${loop.name}: last round ${loop.lastCompletedAt ? `ended ${time(loop.lastCompletedAt)}` : 'is the first'}`)));
  }
}

// ---- alarms

let alarmsShown = '[]';
function showAlarms(list) {
  const now = JSON.stringify(list);
  if (now === alarmsShown) return;
  alarmsShown = now;
  by('alarms').replaceChildren(...list.map(([mood, title, ...texts]) => make('div', { class: `alarm ${mood}` }, make('strong', {}, title),
    texts.filter(text => text).map(text => make('p', { dir: 'auto' }, text)))));
}
function alarmsOf({ durability, loops, types }) {
  const list = [], shards = durability.shards, failing = loops.filter(loop => loop.consecutiveFailures);
  if (shards?.reason && shards.anyTakesWrites)
    list.push(['fair', `Redis: of ${shards.all} shards ${shards.away} do not answer, ${shards.refusing} take no writes`, shards.reason]);
  else if (shards?.reason) list.push(['bad', 'No write can be acknowledged', shards.reason]);
  if (!durability.reachable) {
    const known = types.map(type => type.backlogAt).filter(at => at).sort()[0];
    list.push(['bad', 'Redis does not answer, or not for every shard',
      `The backlog is what was known ${known ? `at ${time(known)}` : 'last'}, and the ages grow from there.`]);
  }
  if (durability.emptiedAt) list.push(['bad', 'Redis came back empty',
    `Seen ${time(durability.emptiedAt)}: writes acknowledged before and not yet flushed are lost.`]);
  if (durability.wentBackAt) list.push(['bad', 'Redis went back to an older state',
    `Seen ${time(durability.wentBackAt)}: writes acknowledged after that state and not yet flushed are lost.`]);
  for (const type of types.filter(each => each.breaker !== 'Closed'))
    list.push([type.breaker === 'Open' ? 'bad' : 'fair', `The database does not take ${type.type}`, type.lastError]);
  if (failing.length)
    list.push(['fair', 'Background loops fail and go on trying', ...failing.map(loop => `${loop.name}: ${loop.lastError}`)]);
  if (durability.warnings.length) list.push(['fair', 'Redis may lose acknowledged writes', ...durability.warnings]);
  return list.sort((a, b) => a[0].localeCompare(b[0])); // The bad before the fair.
}
