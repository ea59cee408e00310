// Opens a report in headless Chromium and uses it as a reader would.
// usage: node check.mjs REPORT.html SCREENSHOT_FOLDER
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [report, folder] = process.argv.slice(2);
if (!report || !folder) {
  console.error("usage: node check.mjs REPORT.html SCREENSHOT_FOLDER");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });

let passed = 0, failed = 0;
function check(name, condition, detail = "") {
  if (condition) passed += 1;
  else failed += 1;
  console.log(`${condition ? "ok  " : "FAIL"} ${name}${condition || detail === "" ? "" : `: ${detail}`}`);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
page.setDefaultTimeout(10_000);
const problems = [], requests = [];
page.on("console", (message) => { if (["error", "warning"].includes(message.type())) problems.push(message.text()); });
page.on("pageerror", (error) => problems.push(String(error)));
page.on("request", (request) => requests.push(request.url()));
const screenshot = (name, options = {}) => page.screenshot({ path: `${folder}/${name}.png`, ...options });

await page.goto(pathToFileURL(resolve(report)).href);
const panels = await page.locator("section.panel").count();
check("the page has panels, or says why not", panels > 0 || (await page.locator("main").textContent()).includes("no results"));
await screenshot("light-full", { fullPage: true });
await page.emulateMedia({ colorScheme: "dark" });
await screenshot("dark-full", { fullPage: true });
await page.emulateMedia({ colorScheme: "light" });

await checkTheme();
if (await page.locator("#scatter").count()) await checkMap();
if (await page.locator("#case-list").count()) await checkFilter();
if (await page.locator("g.heat").count()) await checkMatrices();
if (await page.locator("select[data-state=subtyping]").count()) await checkSubtypings();
if (await page.locator("#repair").count()) await checkRepair();
if (await page.locator("table.promises").count()) await checkPromises();
await checkWidths();

check("no text of the data ran as a script", (await page.evaluate(() => window.attacked)) === undefined);
const outside = requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"));
check("no request leaves the file", outside.length === 0 && requests.filter((url) => url.startsWith("file:")).length === 1, requests.slice(0, 5).join(" "));
check("no error in the console", problems.length === 0, problems.join(" | "));
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

async function checkTheme() {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.locator("#theme").click();
  check("the button changes the theme", (await background()) !== light);
  await page.locator("#theme").click();
  check("and changes it back", (await background()) === light);
}

async function dotAt(index) {
  const dot = page.locator("#scatter .dot:not(.off)").nth(index);
  await dot.scrollIntoViewIfNeeded();
  await settled();
  const box = await dot.boundingBox();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

// A scroll is told to the page a frame later, and hides the tooltip.
function settled() {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

async function checkMap() {
  await page.locator("#scatter").scrollIntoViewIfNeeded();
  const place = await dotAt(3);
  await page.mouse.move(place.x, place.y);
  check("pointing at a dot shows the tooltip", await page.locator("#tip").isVisible());
  const picture = await page.locator("#tip svg.thumb").boundingBox().catch(() => null);
  check("the tooltip holds the picture", picture !== null && picture.width > 20 && picture.height > 20);
  check("the picture has colours", await drawn("#tip svg.thumb"));
  check("the tooltip holds the fields", (await page.locator("#tip dt").count()) > 2);
  await screenshot("light-hover");
  await page.mouse.move(2, 2);
  check("leaving the map hides it", !(await page.locator("#tip").isVisible()));

  const classes = () => page.locator("#scatter .dot").evaluateAll((dots) => dots.map((dot) => dot.getAttribute("class")).join());
  const options = await page.locator("#colour option").evaluateAll((list) => list.map((option) => [option.value, option.textContent]));
  const seen = new Set();
  for (const [value] of options) {
    await page.locator("#colour").selectOption(value);
    seen.add(await classes());
    check(`legend for colour ${value}`, (await page.locator("#legend button").count()) > 0);
  }
  check("colours follow the choice", seen.size > options.length / 2, `${seen.size} of ${options.length}`);
  await page.locator("#colour").selectOption(options.at(-1)[0]);
  await page.locator(".map").screenshot({ path: `${folder}/light-map-number.png` });
  await page.locator("#colour").selectOption(options[0][0]);

  await page.locator("#scatter").focus();
  await page.keyboard.press("ArrowRight");
  check("arrow keys walk over the dots", await page.locator("#tip").isVisible());
  await page.keyboard.press("Escape");
  check("Escape leaves the dot", !(await page.locator("#tip").isVisible()));
}

// True where an element's screenshot is not of one colour.
async function drawn(selector) {
  const png = await page.locator(selector).first().screenshot();
  return page.evaluate(async (bytes) => {
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    canvas.drawImage(bitmap, 0, 0);
    const { data } = canvas.getImageData(8, 8, bitmap.width - 16, bitmap.height - 16);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) colours.add(data[i] * 65536 + data[i + 1] * 256 + data[i + 2]);
    return colours.size > 8;
  }, [...png]);
}

async function checkFilter() {
  const count = async () => Number((await page.locator("#case-count").textContent()).replace(/\D/g, ""));
  const before = await count();
  const legend = page.locator("#legend button");
  if (!(await legend.count())) return;
  await legend.first().focus();
  await page.keyboard.press("Enter");
  const own = Number(await legend.first().locator(".count").textContent());
  check("a kind filters the list of cases", (await count()) === own && own < before, `${await count()} of ${before}, legend ${own}`);
  check("and the pictures", (await page.locator("#pictures article:visible").count()) <= 1);
  check("and the map", (await page.locator("#scatter .dot:not(.off)").count()) <= own);
  check("and says so", (await page.locator("#filter-text").textContent()) !== "All failures");
  check("the key keeps its focus", await legend.first().evaluate((button) => button === document.activeElement));
  const marks = await page.locator("#case-list .case").evaluateAll((list) => [...new Set(list.map((item) => item.className))]);
  check("the list holds this kind only", marks.length === 1, marks.join());
  await page.locator("#summary").scrollIntoViewIfNeeded();
  await screenshot("light-filtered", { fullPage: true });
  await page.locator("#filter-clear").click();
  check("Show all ends the filter", (await count()) === before);
}

async function checkMatrices() {
  const shown = () => page.locator("#matrices g.heat:visible").evaluateAll((maps) => maps.map((map) => map.parentElement.getAttribute("aria-label")).join());
  const start = await shown();
  await page.locator("#matrices [data-set='stage=before']").click();
  const before = await shown();
  await page.locator("#matrices [data-set='side=train']").click();
  const train = await shown();
  check("the toggles change the matrix", new Set([start, before, train]).size === 3, [start, before, train].join(" / "));
  await page.locator("#matrices [data-set='stage=after']").click();
  await page.locator("#matrices [data-set='side=test']").click();
  check("and change it back", (await shown()) === start);
  const cell = page.locator("#matrices g.heat:visible .cell[data-tip*=interval]").first();
  if (await cell.count()) {
    await cell.scrollIntoViewIfNeeded();
    await settled();
    await cell.hover();
    check("a field tells its interval", /interval/.test(await page.locator("#tip").textContent()));
  }
  const order = page.locator("#matrices [data-set='order=found']");
  if ((await order.count()) && (await page.locator("#matrices g.heat:visible").getAttribute("data-row-order"))) {
    const places = () => page.locator("#matrices g.heat:visible .cell").evaluateAll((cells) => cells.map((g) => g.getAttribute("transform")).join());
    const given = await places();
    await order.click();
    check("the order can be changed", (await places()) !== given);
    await page.waitForTimeout(450);
    await page.locator("#matrices").screenshot({ path: `${folder}/light-matrix-ordered.png` });
    await page.locator("#matrices [data-set='order=given']").click();
    check("and changed back", (await places()) === given);
  }
}

async function checkSubtypings() {
  const select = page.locator("select[data-state=subtyping]");
  for (const value of await select.locator("option").evaluateAll((list) => list.map((option) => option.value))) {
    await select.selectOption(value);
    const blocks = await page.locator("#subtypings [data-when]:visible").count();
    check(`grouping ${value} shows one block`, blocks === 1, String(blocks));
  }
}

async function checkRepair() {
  const words = await page.locator("#repair .verdict").allTextContents();
  check("every repair is accepted, refused or not judged", words.every((text) => /Accepted|Refused|Not judged/.test(text)), words.join(" / "));
  const marks = await page.locator("#repair .pass, #repair .fail").allTextContents();
  check("outcomes are words, not colours", marks.length > 0 && marks.every((text) => /passed/.test(text)));
  if (await page.locator("#repair .case svg.thumb").count()) check("pictures of repaired cases have colours", await drawn("#repair .case svg.thumb"));
  const mark = page.locator("#repair .charts svg g[data-tip*='all cases']").first();
  if (await mark.count()) {
    await mark.scrollIntoViewIfNeeded();
    await settled();
    await mark.hover();
    check("a mark tells its numbers", /all cases/.test(await page.locator("#tip").textContent()));
    await page.locator("#repair").screenshot({ path: `${folder}/light-repair.png` });
  }
}

async function checkPromises() {
  const rows = await page.locator("table.promises tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim())));
  check("every interval stands beside its promise", rows.length > 0 && rows.every((cells) => cells.at(-3) !== ""), JSON.stringify(rows));
  // Shares that are no numbers are not drawn, and have no heading then.
  if (!(await page.getByRole("heading", { name: "Where the truth lies in the intervals" }).count())) return;
  const figures = page.locator("svg[aria-label] rect.area");
  check("where the truth lies is drawn", (await figures.count()) > 22, String(await figures.count()));
}

// Nothing is wider than the window, on a screen or on a telephone.
async function checkWidths() {
  for (const width of [1280, 760, 390]) {
    await page.setViewportSize({ width, height: 900 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`no sideways scrolling at ${width} pixels`, overflow <= 0, `${overflow} pixels`);
  }
  await screenshot("light-narrow", { fullPage: true });
}
