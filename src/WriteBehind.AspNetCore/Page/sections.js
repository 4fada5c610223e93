
// ---- the last hour

const charts = [
  ['writesPerSecond', 'Writes', 'per second', compact.format, 'own'], ['rowsPerSecond', 'Rows', 'per second', compact.format, 'own'],
  ['ackP99Seconds', 'Acknowledged in', 'p99', span, 'own'], ['dirty', 'Dirty', 'entities', compact.format, 'all'],
  ['oldestDirtyAgeSeconds', 'Oldest unflushed', 'age', span, 'all'],
];
const svg = (tag, attributes, ...children) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
// A round number at or above the highest, so that the axis has three round ticks.
function topOf(highest, isTime) {
  if (!(highest > 0)) return 1;
  const units = isTime && highest > 60 ? [60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400] : [];
  const power = 10 ** Math.floor(Math.log10(highest));
  return units.find(unit => unit >= highest)
    ?? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map(factor => factor * power).find(top => top >= highest * .9999);
}
function drawChart(figure, [key, title, unit, format], points, bound) {
  const box = figure.lastElementChild, width = box.clientWidth || 400, left = 52, right = width - 8, top = 12, bottom = 136;
  const known = points.filter(point => point !== null), highest = Math.max(0, ...known), isTime = format === span;
  const max = topOf(highest, isTime), count = points.length;
  const x = i => left + (right - left) * i / (count - 1), y = value => bottom - (bottom - top) * value / max;
  const parts = [];
  for (const part of [0, .5, 1]) {
    parts.push(svg('line', { class: 'grid', x1: left, x2: right, y1: y(part * max), y2: y(part * max) }),
      svg('text', { x: left - 6, y: y(part * max) + 4, 'text-anchor': 'end' }, part || !isTime ? format(part * max) : '0'));
  }
  for (const minutes of width < 340 ? [60, 30, 0] : [60, 45, 30, 15, 0]) {
    const anchor = minutes === 60 ? 'start' : minutes ? 'middle' : 'end';
    parts.push(svg('text', { x: x((count - 1) * (1 - minutes / 60)), y: 154, 'text-anchor': anchor },
      minutes === 60 ? '1 h ago' : minutes ? `${minutes} min` : 'now'));
  }
  if (bound && bound <= max) parts.push(svg('line', { class: 'bound', x1: left, x2: right, y1: y(bound), y2: y(bound) }));
  for (let i = 0; i < count; i++) {
    if (points[i] === null) continue;
    let line = '', start = i;
    for (; i < count && points[i] !== null; i++) line += `${line ? 'L' : 'M'}${x(i).toFixed(1)} ${y(points[i]).toFixed(1)}`;
    if (i - start === 1) parts.push(svg('circle', { class: 'point', cx: x(start), cy: y(points[start]), r: 2 }));
    parts.push(svg('path', { class: 'area', d: `${line}L${x(i - 1).toFixed(1)} ${bottom}L${x(start).toFixed(1)} ${bottom}Z` }),
      svg('path', { class: 'line', d: line }));
  }
  if (!known.length) parts.push(svg('text', { x: (left + right) / 2, y: 78, 'text-anchor': 'middle' }, 'no figures yet'));
  box.setAttribute('viewBox', `0 0 ${width} 160`);
  box.setAttribute('aria-label', known.length
    ? `${title} ${unit} in the last hour: now ${format(known.at(-1))}, highest ${format(highest)}` : `${title}: no figures yet`);
  tell(figure.querySelector('b'), unit);
  box.replaceChildren(...parts);
  box.onpointermove = event => {
    const i = Math.round((event.offsetX - left) / (right - left) * (count - 1));
    box.querySelector('.cursor')?.remove();
    if (i < 0 || i >= count) return;
    box.append(svg('line', { class: 'cursor', x1: x(i), x2: x(i), y1: top, y2: bottom }));
    const at = new Date(view.history.from).getTime() + i * view.history.stepSeconds * 1000;
    const figureThen = points[i] === null ? 'no figure' : `${format(points[i])} ${isTime ? '' : unit}`;
    tell(by('readout'), `${title}, ${clock.format(at)}: ${figureThen}`);
  };
  box.onpointerleave = () => { box.querySelector('.cursor')?.remove(); tell(by('readout'), ''); };
}
function drawCharts() {
  const history = view.history?.types.find(type => type.type === view.type);
  const maxAge = view.status?.types.find(type => type.type === view.type)?.maxAgeSeconds;
  for (const chart of charts) {
    chart.figure ??= by(`charts-${chart[4]}`).appendChild(
      make('figure', {}, make('figcaption', {}, chart[1], make('b', {})), svg('svg', { role: 'img', height: 160 })));
    drawChart(chart.figure, chart, history?.[chart[0]] ?? Array(360).fill(null), chart[0] === 'oldestDirtyAgeSeconds' ? maxAge : null);
  }
}

// ---- dead letters: by cause, filtered, in pages

const pageSize = 25;
const letters = { count: null, at: 0, cause: '', text: '', skip: 0, asked: 0 };
const lettersPath = (more = '') => `dead-letters/${encodeURIComponent(view.type)}${more}`;
const query = (values) => {
  const pairs = Object.entries(values).filter(([, value]) => value !== '' && value !== 0);
  return pairs.length ? `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}` : '';
};
const errorOf = letter => `${letter.code && !letter.error.includes(letter.code) ? `${letter.code}: ` : ''}${letter.error}`;
const some = count => `${whole(count)} dead letter${count === 1 ? '' : 's'}`;

const filterBox = make('input', {
  type: 'search', placeholder: 'Id, error or code', 'aria-label': 'Filter by id, error or code', dir: 'auto',
});
const foundLine = make('span', { class: 'found', role: 'status' });
const causeList = make('ul', { class: 'causes', 'aria-label': 'Causes, the most frequent first' });
const letterBody = make('tbody', { role: 'rowgroup' });
const letterTable = make('table', { class: 'letters', role: 'table' },
  make('caption', { class: 'unseen' }, 'Dead letters by id'),
  make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' }, ['Id', 'Version', 'Error', 'Set aside', 'Actions'].map(name =>
    make('th', { role: 'columnheader', scope: 'col' }, name === 'Actions' ? make('span', { class: 'unseen' }, name) : name)))), letterBody);
const previous = button('Previous', () => turn(-pageSize)), next = button('Next', () => turn(pageSize)), pageLine = make('span');
const noLetters = make('p', { class: 'empty' });
const letterParts = make('div', { hidden: true }, causeList, make('div', { class: 'filter' }, filterBox, foundLine), letterTable,
  make('div', { class: 'pages' }, pageLine, previous, next));
by('letters').append(noLetters, letterParts);

async function turn(count) {
  letters.skip = Math.max(0, letters.skip + count);
  await showLetters();
  letterTable.scrollIntoView({ block: 'nearest' });
}
let typing;
filterBox.addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    Object.assign(letters, { text: filterBox.value, skip: 0 });
    showLetters().catch(error => say(error.message, true));
  }, 250);
});

async function chooseCause(key) { letters.cause = letters.cause === key ? '' : key; letters.skip = 0; await showLetters(); }
async function actOnCause(action, cause) {
  const isDiscard = action === 'discard', title = `${isDiscard ? 'Discard' : 'Retry'} ${some(cause.count)} of ${view.type}?`;
  const text = isDiscard ? `Their states are dropped for good: what the database has counts again. ${errorOf(cause)}`
    : `They are made dirty again, with all their attempts. ${errorOf(cause)}`;
  const path = lettersPath(`/${action}-all${query({ cause: cause.key })}`);
  if (!await ask(title, text, isDiscard ? 'Discard' : 'Retry', { isDanger: isDiscard })) return null;
  const done = await call(path, { method: 'POST', seconds: 300 });
  return `${some(done.count)} ${done.action}${done.failed ? `; with ${whole(done.failed)} it could not be done` : ''}.`;
}
async function actOnLetter(action, type, id) {
  const path = `dead-letters/${encodeURIComponent(type)}/${action}${query({ id })}`, isDiscard = action === 'discard';
  const effect = isDiscard ? 'Its state is dropped for good: what the database has counts again.'
    : 'It is made dirty again, with all its attempts.';
  if (!await ask(`${isDiscard ? 'Discard' : 'Retry'} this dead letter of ${type}?`, `${id}\n${effect}`,
    isDiscard ? 'Discard' : 'Retry', { isDanger: isDiscard })) return null;
  await call(path, { method: 'POST' });
  return `The dead letter was ${isDiscard ? 'discarded' : 'retried'}.`;
}
const letterButtons = (type, id) => ['retry', 'discard'].map(action => button(action === 'retry' ? 'Retry' : 'Discard …',
  () => actOnLetter(action, type, id),
  { class: `small ${action === 'discard' ? 'danger' : ''}`, 'aria-label': `${action} ${id.slice(0, 80)}` }));

const causeItem = cause => make('li', { class: letters.cause === cause.key ? 'chosen-cause' : '' },
  make('span', { class: 'value bad' }, whole(cause.count)),
  make('div', {},
    make('span', { class: 'note' }, `${cause.reason}, ${[...new Set([time(cause.first), time(cause.last)])].join(' to ')}`),
    make('div', { class: 'clamp', dir: 'auto', title: errorOf(cause) }, errorOf(cause))),
  make('div', { class: 'buttons' },
    button('Show', () => chooseCause(cause.key), { class: 'small', 'aria-pressed': String(letters.cause === cause.key) }),
    button('Retry', () => actOnCause('retry', cause), { class: 'small' }),
    button('Discard …', () => actOnCause('discard', cause), { class: 'small danger' })));
const letterRow = letter => make('tr', { role: 'row' },
  make('td', { role: 'cell', 'data-label': 'Id' }, make('bdi', { class: 'id clamp', title: letter.id }, letter.id)),
  make('td', { role: 'cell', 'data-label': 'Version' }, make('span', {}, whole(letter.version))),
  make('td', { role: 'cell', 'data-label': 'Error' },
    make('div', { dir: 'auto' }, make('div', { class: 'clamp', title: errorOf(letter) }, errorOf(letter)))),
  make('td', { role: 'cell', 'data-label': 'Set aside' }, make('div', {}, time(letter.setAsideAt),
    make('span', { class: 'note' }, `${letter.reason}, ${letter.attempts} attempts`))),
  make('td', { role: 'cell', class: 'act' }, make('div', { class: 'buttons' },
    button('Inspect', () => inspect(letter.id), { class: 'small', 'aria-label': `inspect ${letter.id.slice(0, 80)}` }),
    letterButtons(view.type, letter.id))));

// Redis may be away while all else is known.
function noAnswerOfLetters(error) {
  letters.at = Date.now();
  letters.count = undefined;
  noLetters.hidden = false; letterParts.hidden = by('retry-all').hidden = true;
  tell(noLetters, `They can’t be read: ${error.message}`);
}
async function showLetters() {
  const asked = ++letters.asked, { cause, text } = letters;
  const list = await call(lettersPath(query({ limit: pageSize, skip: letters.skip, cause, text, causes: true }))), { causes } = list;
  if (asked !== letters.asked) return;
  letters.at = Date.now();
  if (cause && !causes.causes.some(each => each.key === cause)) { letters.cause = ''; letters.skip = 0; return showLetters(); }
  if (letters.skip && letters.skip >= list.total) { letters.skip = 0; return showLetters(); }
  const focused = letterParts.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
  noLetters.hidden = causes.total > 0; letterParts.hidden = causes.total === 0; by('retry-all').hidden = causes.total === 0;
  tell(noLetters, causes.total ? '' : `None: nothing of ${view.type} is set aside.`);
  causeList.replaceChildren(...causes.causes.map(causeItem));
  letterBody.replaceChildren(...list.letters.map(letterRow));
  tell(foundLine, list.total ? `${whole(list.total)} of ${whole(causes.total)}${causes.isWhole ? '' : ' or more'}` : 'none fits');
  tell(pageLine, list.total ? `${whole(letters.skip + 1)}–${whole(letters.skip + list.letters.length)} of ${whole(list.total)}` : '');
  previous.disabled = letters.skip === 0; next.disabled = letters.skip + pageSize >= list.total;
  if (focused) letterParts.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}
by('retry-all').addEventListener('click', event => act(event.currentTarget, async () => {
  if (!await ask(`Retry all dead letters of ${view.type}?`, 'They are made dirty again, with all their attempts.', 'Retry all'))
    return null;
  return `${some((await call(lettersPath('/retry-all'), { method: 'POST', seconds: 300 })).count)} retried.`;
}));

// ---- one entity

const shown = value => value === undefined ? '' : typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value, null, 1);
const stateOf = found => !found ? undefined : found.isDelete ? 'a delete'
  : found.state ?? (found.stateBase64 ? `base 64: ${found.stateBase64}` : 'moved on');
function sideBySide(entity) {
  const letter = entity.deadLetter;
  const places = [entity.buffered, entity.row, ...(letter ? [{ ...letter, version: letter.letter.version }] : [])];
  const states = places.map(stateOf);
  const isMap = state => typeof state === 'object' && state !== null && !Array.isArray(state) && state.rawJSON === undefined;
  const cellOf = state => isMap(state) ? 'see below' : typeof state === 'string' ? state : shown(state);
  const names = [...new Set(states.filter(isMap).flatMap(Object.keys))];
  const line = (name, cells) => {
    const told = cells.filter((_, i) => places[i]);
    return make('tr', told.some(text => text !== told[0]) ? { class: 'differs' } : {}, make('th', { scope: 'row' }, name),
      cells.map(text => make('td', {}, make('bdi', { class: 'id' }, text))));
  };
  return make('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Side by side' }, make('table', {},
    make('caption', { class: 'unseen' }, 'The state in each place'),
    make('thead', {}, make('tr', {}, ['', 'Redis', 'Database', 'Dead letter'].slice(0, places.length + 1).map(name => name
      ? make('th', { scope: 'col' }, name) : make('td')))),
    make('tbody', {}, line('Version', places.map(place => place ? String(place.version) : '–')),
      states.some(state => state !== undefined && !isMap(state)) ? line('State', states.map(cellOf)) : null,
      names.map(name => line(name, states.map(state => isMap(state) ? shown(state[name]) : ''))))));
}
function entityView(entity) {
  const facts = [['As of', time(entity.at)], ['Dirty since', entity.dirtySince && time(entity.dirtySince)],
    ['Claimed by a flusher until', entity.claimedUntil && time(entity.claimedUntil)],
    ['Flushed last', entity.fence && `version ${entity.fence}, known for ${span(entity.fenceExpiresInSeconds ?? 0)}`],
    ['Kept in Redis for', entity.buffered?.expiresInSeconds && span(entity.buffered.expiresInSeconds)],
    ['Operations remembered', entity.memos && whole(entity.memos)],
    ['Set aside', entity.deadLetter && `${entity.deadLetter.letter.reason} after ${entity.deadLetter.letter.attempts} attempts`],
    ['Flush paused', entity.pause && `until ${time(entity.pause.until)}, by ${entity.pause.by}`]];
  const errors = [entity.deadLetter && errorOf(entity.deadLetter.letter),
    entity.rowError && `The row could not be read: ${entity.rowError}`, entity.keyError];
  const isKnown = entity.buffered || entity.row || entity.deadLetter || entity.dirtySince || entity.rowError || entity.keyError;
  const path = `entities/${encodeURIComponent(entity.type)}/flush${query({ id: entity.id, timeoutSeconds: 25 })}`;
  return [
    make('div', { class: 'head' }, make('h3', {}, `${entity.type} `, make('bdi', { class: 'id' }, entity.id)),
      isKnown ? make('span', { class: `badge ${entity.deadLetter ? 'bad' : entity.dirtySince ? 'fair' : 'good'}` },
        entity.deadLetter ? 'dead letter' : entity.dirtySince ? 'dirty' : 'clean') : null,
      make('div', { class: 'buttons' }, entity.dirtySince ? button('Flush now', async () => {
        await call(path, { method: 'POST', seconds: 40 });
        await inspect(entity.id);
        return 'Flushed: the database has it.';
      }, { class: 'small' }) : null, entity.deadLetter ? letterButtons(entity.type, entity.id) : null)),
    isKnown ? null : make('p', { class: 'empty' }, 'Neither Redis nor the database knows it.'),
    make('dl', { class: 'facts' }, facts.filter(([, text]) => text).map(([name, text]) =>
      make('div', {}, make('dt', {}, name), make('dd', {}, text)))),
    errors.filter(text => text).map(text => make('p', { class: 'error', dir: 'auto' }, text)), isKnown ? sideBySide(entity) : null].flat();
}
async function inspect(id) {
  const entity = await call(`entities/${encodeURIComponent(view.type)}/show${query({ id })}`, { exact: true });
  by('id').value = id;
  by('entity').replaceChildren(...entityView(entity).filter(part => part));
  by('entity').focus(); by('entity').scrollIntoView({ block: 'nearest' });
  return null;
}
by('look').addEventListener('submit', event => {
  event.preventDefault();
  if (by('id').value) act(event.submitter, () => inspect(by('id').value)); else by('id').focus();
});
by('oldest').addEventListener('click', event => act(event.currentTarget, async () => {
  const { entities } = await call(`entities/${encodeURIComponent(view.type)}/oldest?limit=20`);
  by('entity').replaceChildren(entities.length === 0 ? make('p', { class: 'empty' }, `Nothing of ${view.type} is dirty.`)
    : make('table', {}, make('caption', { class: 'unseen' }, `The ${view.type} that have been dirty for longest`),
      make('thead', {}, make('tr', {}, ['Id', 'Dirty for', 'Claimed'].map(name => make('th', { scope: 'col' }, name)))),
      make('tbody', {}, entities.map(each => make('tr', {},
        make('td', {}, button(each.id, () => inspect(each.id), { class: 'small id clamp', dir: 'auto' })),
        make('td', {}, span(each.ageSeconds)), make('td', {}, each.claimedUntil ? `until ${time(each.claimedUntil)}` : '–'))))));
  by('entity').focus();
  return null;
}));

// ---- Redis against the database

const mostShown = 100;
const compare = (type, action) => call(`entities/${encodeURIComponent(type)}/${action}`, { method: 'POST', seconds: 600 });
async function verify() {
  const type = view.type;
  if (!await ask(`Compare all of ${type}?`, 'All that Redis holds of it is compared with its rows, by their versions. Nothing is changed. '
    + 'It takes about a second for 50,000 entities.', 'Compare')) return null;
  showComparison(await compare(type, 'verify'), false);
  return null;
}
async function mend(type, count) {
  if (!await ask(`Mend ${whole(count)} of ${type}?`, 'Kept states whose rows fell behind or are gone are flushed again; clean entries that '
    + 'another program has overtaken are dropped, so that the row counts; lost dirty marks are set. Nothing is lost.', 'Mend'))
    return null;
  const found = await compare(type, 'reconcile');
  showComparison(found, true);
  return `${whole(found.mended)} mended.`;
}
function showComparison(found, isMended) {
  const { type, differences, differing, mended } = found, count = differences.filter(each => each.canBeMended).length;
  const [mood, verdict] = differing === 0 ? ['good', 'no difference'] : isMended && differing === mended ? ['good', 'mended']
    : ['bad', `${whole(isMended ? differing - mended : differing)} differ${isMended ? ' still' : ''}`];
  const noteOf = each => !each.canBeMended ? 'can’t be mended from here' : !isMended ? 'can be mended' : mended === count ? 'mended' : '';
  const line = each => make('tr', {},
    make('td', {}, button(each.id, () => inspect(each.id), { class: 'small id clamp', dir: 'auto' })),
    make('td', {}, make('div', { dir: 'auto' }, each.text), make('span', { class: 'note' }, noteOf(each))));
  by('compared').replaceChildren(...[
    make('div', { class: 'head' }, make('span', { class: `badge ${mood}` }, verdict),
      make('span', {}, `${whole(found.compared)} ${type} that Redis knows of, ${whole(found.dirty)} dirty, ${some(found.deadLetters)}`),
      count && !isMended ? button(`Mend ${whole(count)} …`, () => mend(type, count)) : null),
    differing ? make('table', {}, make('caption', { class: 'unseen' }, 'What differs'),
      make('thead', {}, make('tr', {}, ['Id', 'Difference'].map(name => make('th', { scope: 'col' }, name)))),
      make('tbody', {}, differences.slice(0, mostShown).map(line))) : null,
    differing > mostShown ? make('p', { class: 'empty' }, `and ${whole(differing - mostShown)} more`) : null].filter(part => part));
  by('compared').focus(); by('compared').scrollIntoView({ block: 'nearest' });
}
by('verify').addEventListener('click', event => act(event.currentTarget, verify));

// ---- pause, flush, and the round of questions

async function pauseOrResume(name) {
  const path = `flush/${encodeURIComponent(name)}`;
  if (view.status.types.find(type => type.type === name)?.pause) {
    return (await call(`${path}/resume`, { method: 'POST' })).wasPaused ? `The flush of ${name} goes on.` : 'It was not paused any more.';
  }
  const minutes = make('select', { id: 'minutes' }, [1, 5, 10, 30, 60].map(each =>
    make('option', { value: each, selected: each === 10 }, each === 60 ? '1 hour' : `${each} minute${each === 1 ? '' : 's'}`)));
  const more = make('div', {}, make('label', { for: 'minutes' }, 'For at most '), minutes);
  if (!await ask(`Pause the flush of ${name}?`, 'In all processes nothing of it goes to the database until the pause is over. '
    + 'Writes go on being acknowledged, up to the bound of dirty entities.', 'Pause', { more })) return null;
  const pause = await call(`${path}/pause?seconds=${minutes.value * 60}`, { method: 'POST', seconds: 180 });
  const rest = pause.underWay ? `; of ${whole(pause.underWay)} entities one may still be under way` : '';
  return `The flush of ${name} is paused until ${time(pause.until)}${rest}.`;
}
by('flush').addEventListener('click', event => act(event.currentTarget, async () => {
  say('Flushing everything …');
  const report = await call('flush?timeoutSeconds=60', { method: 'POST', seconds: 90 });
  const left = Object.entries(report.remaining).map(([type, count]) => `${whole(count)} ${type}`).join(', ');
  return `${whole(report.flushed)} flushed${left ? `; still dirty: ${left}` : ''}`
    + `${report.uncounted.length ? `; not counted: ${report.uncounted.join(', ')}` : ''}`
    + `${report.rejected.length ? `; rejected: ${report.rejected.length === 100 ? '100 or more' : report.rejected.length}` : ''}.`;
}));

function chooseType(types) {
  const names = types.map(type => type.type);
  if ([...by('type').options].map(option => option.value).join('\n') !== names.join('\n'))
    by('type').replaceChildren(...names.map(name => make('option', { value: name }, name)));
  if (names.includes(view.type)) return;
  const wanted = decodeURIComponent(location.hash.slice(1));
  view.type = by('type').value = names.includes(wanted) ? wanted : types.find(type => type.deadLetters)?.type ?? names[0] ?? '';
  letters.count = null;
}
by('type').addEventListener('change', () => {
  view.type = by('type').value;
  history.replaceState(null, '', `#${encodeURIComponent(view.type)}`);
  Object.assign(letters, { count: null, cause: '', text: '', skip: 0 });
  filterBox.value = ''; by('entity').replaceChildren(); by('compared').replaceChildren();
  drawCharts(); refresh();
});

let historyAt = 0, busy = false, timer, failures = 0;
let pressed = false; // A click is under way, so its button must not be replaced.
addEventListener('pointerdown', () => { pressed = true; });
for (const end of ['click', 'pointerup', 'pointercancel']) addEventListener(end, () => { setTimeout(() => { pressed = false; }); });
async function refresh() {
  if (busy) return;
  busy = true;
  try {
    const status = await call('status'), { machine, application, id, startedAt } = status.process, isNew = view.startedAt !== startedAt;
    if (isNew && view.startedAt) say(`The process was started anew at ${time(startedAt)}; its own figures begin there.`);
    Object.assign(view, { status, startedAt, answeredAt: Date.now() });
    chooseType(status.types);
    const hasHistory = isNew || Date.now() - historyAt > 10000, count = status.types.find(type => type.type === view.type)?.deadLetters;
    if (hasHistory) { historyAt = Date.now(); view.history = await call('history'); }
    tell(by('process'), `${application} on ${machine}, process ${id}`);
    tell(by('since'), `since its start, ${dateAndTime.format(new Date(startedAt))}`);
    showTypes('service', serviceRow, status.types); showTypes('own', ownRow, status.types);
    showLoops(status.loops); showAlarms(alarmsOf(status));
    by('no-types').hidden = status.types.length > 0;
    document.querySelectorAll('.of-types').forEach(part => { part.hidden = status.types.length === 0; });
    const lettersAge = Date.now() - letters.at;
    const isDue = count === letters.count ? lettersAge > 30000 : letters.count === null || lettersAge > 3000;
    if (view.type && isDue && !pressed) {
      letters.count = count;
      await showLetters().catch(noAnswerOfLetters);
    }
    // All at once, so that nothing moves under the first click.
    const isFirst = by('all').hidden;
    by('all').hidden = false;
    if (hasHistory || isFirst) drawCharts();
    tell(by('as-of'), `as of ${clock.format(new Date(status.at))}`); by('dot').className = 'good';
    failures = 0;
  } catch (error) {
    failures++;
    by('dot').className = 'bad'; tell(by('as-of'), 'no answer');
    const age = view.answeredAt ? `All figures are of ${clock.format(view.answeredAt)}. Trying again.` : 'Trying again.';
    showAlarms([['bad', error.message, age],
      ...(view.status ? alarmsOf(view.status) : [])]);
  } finally { busy = false; }
}
async function round() {
  clearTimeout(timer);
  await refresh();
  clearTimeout(timer);
  timer = setTimeout(round, document.hidden ? 15000 : failures ? Math.min(5000, 1000 * failures) : 1000);
}
addEventListener('visibilitychange', () => { if (!document.hidden) round(); });
new ResizeObserver(() => { if (view.history) drawCharts(); }).observe(by('charts-own'));
round();
