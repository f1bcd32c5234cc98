'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const $ = (id) => document.getElementById(id);
  const PAGE = 100;
  const SCALE = 6;
  const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

  const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  // Amounts are exact: whole numbers of millionths. A text that is no amount is shown, and counts in no sum.
  const parse = (text) => {
    const found = /^(-?)(\d{1,15})(?:\.(\d{1,6}))?$/.exec(text);
    if (!found) return null;
    const value = BigInt(found[2] + (found[3] || '').padEnd(SCALE, '0'));
    return found[1] ? -value : value;
  };
  const decimal = (value) => {
    const digits = (value < 0n ? -value : value).toString().padStart(SCALE + 1, '0');
    return `${value < 0n ? '-' : ''}${digits.slice(0, -SCALE)}.${digits.slice(-SCALE)}`;
  };
  const formats = new Map();
  const money = (value, currency) => {
    if (!formats.has(currency)) {
      let format;
      try { format = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' }); }
      catch { format = new Intl.NumberFormat('en', { minimumFractionDigits: 2 }); }
      formats.set(currency, format);
    }
    return formats.get(currency).format(decimal(value));
  };

  const invoices = data.rows.map((row) => {
    const invoice = Object.fromEntries(data.columns.map((name, index) => [name, row[index]]));
    invoice.amount = parse(invoice.total_amount);
    invoice.date = invoice.issue_date || invoice.created_at.slice(0, 10);
    invoice.month = /^\d{4}-\d{2}/.test(invoice.date) ? invoice.date.slice(0, 7) : '';
    invoice.paid = invoice.paid_at.slice(0, 10);
    invoice.isPending = invoice.state === 'pending';
    invoice.text = fold([invoice.number, invoice.client_name, invoice.total_amount, invoice.date].join(' '));
    return invoice;
  });

  const plain = (word) => word.replaceAll('_', ' ');
  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const badge = (text, kind) => element('span', text, `badge ${kind || ''}`.trim());
  const KINDS = { paid: 'good', unpaid: 'warn', partially_paid: 'warn', overdue: 'bad' };
  const show = (invoice) => (invoice.amount === null ? `${invoice.total_amount} ${invoice.currency}` : money(invoice.amount, invoice.currency));
  const link = (url, text, invoice) => {
    const made = element('a', text);
    made.href = url;
    made.rel = 'noopener';
    made.setAttribute('aria-label', `${text} of ${invoice.number || invoice.invoice_id}`);
    return made;
  };
  const COLUMNS = [
    { name: 'Date', key: (i) => i.date, fill: (td, i) => { td.textContent = i.date; } },
    { name: 'Number', key: (i) => i.number, fill: (td, i) => { td.textContent = i.number || '–'; } },
    { name: 'Client', key: (i) => i.client_name, fill: (td, i) => { td.textContent = i.client_name; td.title = i.client_name; td.dir = 'auto'; } },
    { name: 'Status', key: (i) => i.status, fill: (td, i) => {
      td.append(badge(plain(i.status) || '–', KINDS[i.status]));
      if (i.state !== 'archived') td.append(badge(i.reason ? `${i.state}: ${plain(i.reason)}` : i.state, i.isPending ? 'warn' : ''));
    } },
    { name: 'Amount', right: true, key: (i) => i.amount, fill: (td, i) => { td.textContent = show(i); } },
    { name: 'Due', key: (i) => i.due_date, fill: (td, i) => { td.textContent = i.due_date; } },
    { name: 'Paid', key: (i) => i.paid, fill: (td, i) => { td.textContent = i.paid; } },
    { name: 'Files', fill: (td, i) => {
      if (i.file) td.append(link(i.file, i.kind, i));
      if (i.document) td.append(link(i.document, 'JSON', i));
    } },
  ];

  const state = { search: '', status: '', month: '', currency: '', problems: false, sort: 'Date', down: true, shown: PAGE };
  const distinct = (key) => [...new Set(invoices.map((i) => i[key]))].filter(Boolean).sort(collator.compare);
  const options = (id, first, values) => {
    $(id).append(new Option(first, ''), ...values.map((value) => new Option(plain(value), value)));
  };
  options('status', 'All', distinct('status'));
  options('month', 'All', distinct('month').reverse());
  options('currency', 'All', distinct('currency'));

  const compare = (a, b) => (a === b ? 0 : a === null ? -1 : b === null ? 1 : typeof a === 'bigint' ? (a < b ? -1 : 1) : collator.compare(a, b));
  let sorted = [];
  const sort = () => {
    const { key } = COLUMNS.find((column) => column.name === state.sort);
    const sign = state.down ? -1 : 1;
    sorted = invoices.slice().sort((a, b) => sign * compare(key(a), key(b)) || sign * collator.compare(a.number, b.number));
  };
  const matches = () => {
    const words = fold(state.search).split(/\s+/).filter(Boolean);
    return sorted.filter((i) => (!state.status || i.status === state.status) && (!state.month || i.month === state.month)
      && (!state.currency || i.currency === state.currency) && (!state.problems || i.isPending)
      && words.every((word) => i.text.includes(word)));
  };

  const sums = (found) => {
    const byCurrency = new Map();
    let unread = 0;
    for (const i of found) {
      if (i.amount === null) { unread += 1; continue; }
      const sum = byCurrency.get(i.currency) || { count: 0, all: 0n, statuses: new Map() };
      sum.count += 1;
      sum.all += i.amount;
      const status = sum.statuses.get(i.status) || { count: 0, all: 0n };
      status.count += 1;
      status.all += i.amount;
      sum.statuses.set(i.status, status);
      byCurrency.set(i.currency, sum);
    }
    return { byCurrency, unread };
  };
  const drawTotals = (found) => {
    const { byCurrency, unread } = sums(found);
    const cards = [...byCurrency].sort(([, a], [, b]) => b.count - a.count).map(([currency, sum]) => {
      const card = element('div', undefined, 'card');
      card.dataset.currency = currency;
      card.append(element('b', money(sum.all, currency)));
      for (const [status, { count, all }] of [...sum.statuses].sort(([a], [b]) => collator.compare(a, b))) {
        card.append(element('small', `${count} ${plain(status) || 'without a status'}: ${money(all, currency)}`));
      }
      return card;
    });
    if (unread) cards.push(element('div', `${unread} without an amount that can be read: in no sum`, 'card'));
    $('totals').replaceChildren(...cards);
    return byCurrency;
  };
  const drawChart = (found, byCurrency) => {
    const currency = state.currency || [...byCurrency].sort(([, a], [, b]) => b.count - a.count)[0]?.[0];
    const months = new Map();
    for (const i of found) {
      if (i.currency === currency && i.amount !== null && i.month) months.set(i.month, (months.get(i.month) || 0n) + i.amount);
    }
    const names = [...months.keys()].sort().slice(-36);
    $('chart').hidden = names.length < 2;
    const largest = names.reduce((most, name) => (months.get(name) > most ? months.get(name) : most), 1n);
    $('chart-title').textContent = `${currency} by month of issue`;
    $('chart-text').textContent = names.map((name) => `${name}: ${money(months.get(name), currency)}`).join(', ');
    $('bars').replaceChildren(...names.map((name) => {
      const bar = element('div', undefined, 'bar');
      bar.title = `${name}: ${money(months.get(name), currency)}`;
      const fill = element('i');
      const share = months.get(name) > 0n ? Number((months.get(name) * 1000n) / largest) / 10 : 0;
      fill.style.height = `${share * 0.84}%`;
      bar.append(fill, element('span', name.slice(2)));
      return bar;
    }));
  };
  const drawHeads = () => {
    $('heads').replaceChildren(...COLUMNS.map((column) => {
      const head = element('th', undefined, column.right ? 'right' : '');
      head.scope = 'col';
      if (!column.key) { head.append(element('span', column.name, 'hidden')); return head; }
      const isSorted = column.name === state.sort;
      const button = element('button', `${column.name}${isSorted ? (state.down ? ' ▾' : ' ▴') : ''}`);
      button.type = 'button';
      button.dataset.column = column.name;
      if (isSorted) head.setAttribute('aria-sort', state.down ? 'descending' : 'ascending');
      button.addEventListener('click', () => {
        state.down = isSorted ? !state.down : column.name === 'Date' || column.name === 'Amount';
        state.sort = column.name;
        sort();
        draw();
        document.querySelector(`[data-column="${column.name}"]`).focus();
      });
      head.append(button);
      return head;
    }));
  };
  const drawRows = (found) => {
    $('rows').replaceChildren(...found.slice(0, state.shown).map((invoice) => {
      const line = document.createElement('tr');
      for (const column of COLUMNS) {
        const cell = element('td', undefined, column.right ? 'right' : '');
        column.fill(cell, invoice);
        line.append(cell);
      }
      return line;
    }));
    const left = found.length - state.shown;
    $('more').hidden = left <= 0;
    $('more').textContent = `Show ${Math.min(PAGE, left)} of ${left} more`;
    $('empty').hidden = found.length > 0;
    $('empty').textContent = invoices.length ? 'No invoice matches.' : 'The archive has no invoices yet.';
  };
  const KEYS = ['search', 'status', 'month', 'currency', 'problems', 'sort', 'down'];
  const DEFAULTS = { ...state };
  const remember = () => {
    const changed = KEYS.filter((key) => state[key] !== DEFAULTS[key]).map((key) => [key, String(state[key])]);
    const hash = new URLSearchParams(changed).toString();
    // A page that lies in a folder may not be allowed to write its history.
    try { history.replaceState(null, '', hash ? `#${hash}` : location.pathname + location.search); } catch { location.hash = hash; }
  };
  const recall = () => {
    const known = new URLSearchParams(location.hash.slice(1));
    for (const key of KEYS) {
      const text = known.get(key);
      state[key] = text === null ? DEFAULTS[key] : typeof DEFAULTS[key] === 'boolean' ? text === 'true' : text;
    }
    if (!COLUMNS.some((column) => column.key && column.name === state.sort)) state.sort = DEFAULTS.sort;
    for (const id of ['search', 'status', 'month', 'currency']) $(id).value = state[id];
    for (const id of ['status', 'month', 'currency']) if ($(id).value !== state[id]) { state[id] = ''; $(id).value = ''; }
    $('problems').checked = state.problems;
  };
  const draw = () => {
    const found = matches();
    $('count').textContent = `${found.length.toLocaleString('en')} of ${invoices.length.toLocaleString('en')} invoices`;
    drawChart(found, drawTotals(found));
    drawHeads();
    drawRows(found);
    remember();
  };
  const read = () => {
    state.search = $('search').value;
    for (const id of ['status', 'month', 'currency']) state[id] = $(id).value;
    state.problems = $('problems').checked;
    state.shown = PAGE;
    draw();
  };
  $('filters').addEventListener('input', read);
  $('filters').addEventListener('submit', (event) => event.preventDefault());
  $('filters').addEventListener('reset', (event) => {
    event.preventDefault();
    Object.assign(state, DEFAULTS);
    for (const id of ['search', 'status', 'month', 'currency']) $(id).value = '';
    $('problems').checked = false;
    sort();
    draw();
  });
  $('more').addEventListener('click', () => { state.shown += PAGE; drawRows(matches()); });
  window.addEventListener('hashchange', () => { recall(); sort(); draw(); });
  window.addEventListener('beforeprint', () => { state.shown = Infinity; drawRows(matches()); });
  window.addEventListener('afterprint', () => { state.shown = PAGE; drawRows(matches()); });
  $('about').textContent = data.about;
  recall();
  sort();
  draw();
})();
