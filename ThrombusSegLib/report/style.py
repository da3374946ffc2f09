"""The look of the report."""

from __future__ import annotations

from .colours import css_gradient

CSS = (
    """
:root{color-scheme:light dark;--paper:#fbfaf8;--ink:#22252a;--soft:#666c75;--line:#dedbd4;--card:#fff;--mark:#9a4a00;
--note:#fff6e5;--note-line:#e6b65c;--bar:#7d93ad}
@media (prefers-color-scheme:dark){:root{--paper:#15171a;--ink:#e4e3df;--soft:#9aa0a8;--line:#31353b;--card:#1c1f23;
--mark:#f0a860;--note:#2a2418;--note-line:#7d6330;--bar:#5b728d}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1180px;margin:0 auto;padding:36px 32px 64px}
h1{font-size:26px;line-height:1.25;font-weight:600;letter-spacing:-.01em;margin:0 0 2px}
h2{font-size:18px;font-weight:600;margin:44px 0 12px}
h3{font-size:15px;font-weight:600;margin:0}
p{margin:0 0 10px;max-width:78ch}
.soft,figcaption,.where{color:var(--soft)}
.notice{margin:16px 0 28px;padding:10px 14px;border:1px solid var(--note-line);background:var(--note);border-radius:6px;
max-width:none}
.answer{font-size:21px;line-height:1.4;font-weight:500;max-width:60ch;margin:0 0 10px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:7px 14px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:500;color:var(--soft);font-size:13px}
th small{display:block;font-weight:400}
td.number,th.number{text-align:right}
tr.absent td{color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:14px 0 0;font-size:13.5px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
ul{margin:0;padding-left:20px}.notes{color:var(--soft);margin:6px 0 0;max-width:90ch}
.candidate{margin:0 0 36px;padding:20px 22px 22px;background:var(--card);border:1px solid var(--line);
border-radius:10px}
.candidate>header{display:flex;flex-wrap:wrap;gap:2px 18px;align-items:baseline;margin-bottom:14px}
.grid{display:grid;gap:8px}
.grid>.head{color:var(--soft);font-size:13px;align-self:end}
.grid>.name{font-weight:600;font-size:14px;align-self:center;line-height:1.3}
.name small{display:block;font-weight:400;color:var(--soft);font-size:12px}
figure{margin:0}
svg{display:block;width:100%;aspect-ratio:1;background:#000;border-radius:4px}
svg image{image-rendering:auto}
svg text{fill:#fff;font:600 calc(5.6*var(--u))/1 system-ui,Arial,"DejaVu Sans",sans-serif;paint-order:stroke;
stroke:#000;stroke-opacity:.65;stroke-width:calc(1.1*var(--u))}
svg text.small{font-size:calc(4.6*var(--u));font-weight:500}svg text.faint{fill:#aaa}
.scale{stroke:#fff;stroke-width:calc(.9*var(--u));fill:none}
.box{fill:none;stroke:#fff;stroke-width:calc(.6*var(--u));opacity:.9;
stroke-dasharray:calc(2*var(--u)) calc(1.4*var(--u))}
.contour{fill:none;stroke-width:calc(.9*var(--u));stroke-linecap:round}
.thrombus{stroke:#ffab2e}.infarct{stroke:#58c7f3;stroke-width:calc(.6*var(--u))}
.legend{display:flex;flex-wrap:wrap;gap:6px 26px;align-items:center;margin:0 0 16px;font-size:13.5px;color:var(--soft)}
.legend i{display:inline-block;width:20px;height:0;border-top:3px solid;border-radius:2px;vertical-align:middle;
margin-right:7px}
.legend .t{border-color:#f39a17}.legend .i{border-color:#35b1e4}
.legend label{cursor:pointer}
.colours{display:inline-grid;grid-template-columns:repeat(3,1fr);width:190px;font-size:12px;line-height:1.3}
.colours span{grid-column:1/-1;height:10px;border-radius:3px;margin-bottom:1px;background:GRADIENT}
.colours b{font-weight:400}.colours b:nth-of-type(2){text-align:center}.colours b:nth-of-type(3){text-align:right}
body:has(#contours:not(:checked)) .contour{display:none}
.times td:last-child{width:45%}
.times i{display:block;height:9px;margin-top:6px;border-radius:2px;background:var(--bar)}
.columns{display:grid;grid-template-columns:1fr 1fr;gap:0 48px}
code{font:12.5px/1.5 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
@media (max-width:820px){.columns{grid-template-columns:1fr}main{padding:24px 16px}}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--line:#bbb;--card:#fff;--note:#fff}body{font-size:10.5pt}
main{padding:0;max-width:none}.candidate{border:0;padding:0;break-inside:avoid}.grid>*,table,dl{break-inside:avoid}
.legend label{display:none}
svg,.colours span,.times i{print-color-adjust:exact;-webkit-print-color-adjust:exact}h2{break-after:avoid}}
"""
).replace("GRADIENT", css_gradient())
