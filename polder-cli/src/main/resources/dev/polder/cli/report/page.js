// One cursor over all plots: the same moment of every policy.
const plots = [...document.querySelectorAll('svg[data-inner]')];
for (const plot of plots) {
  plot.addEventListener('pointermove', event => {
    const box = plot.getBoundingClientRect();
    const x = (event.clientX - box.left) * plot.viewBox.baseVal.width / box.width;
    const left = +plot.dataset.left, inner = +plot.dataset.inner;
    const inside = x >= left && x <= left + inner;
    for (const other of plots) {
      const cursor = other.querySelector('.cursor');
      cursor.setAttribute('x1', x);
      cursor.setAttribute('x2', x);
      cursor.style.opacity = inside ? 0.6 : 0;
    }
  });
  plot.addEventListener('pointerleave', () => {
    for (const other of plots) other.querySelector('.cursor').style.opacity = 0;
  });
}
