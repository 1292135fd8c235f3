//! The sessions page: one page of an answer, and figures beside it. Each is exact when it is read; what
//! is written meanwhile may be in one of them and not yet in another.

use super::chart::{Chart, Span};
use super::layout::Frame;
use super::text::{Instant, Name, counted, duration, number};
use crate::stores::SessionLogStore;
use crate::wire::{Format, UserClientSessionLogRequest};
use crate::{Order, Page, PageRequest, Query, QueryBuilder, Result, SessionLog};
use chrono::{DateTime, Utc};
use futures_util::future::try_join4;
use maud::{Markup, html};
use uuid::Uuid;

const PAGE: &str = "userclientsession/log.html";

/// What a page shows.
pub(super) struct View {
    page: Page,
    open: u64,
    chart: Option<Chart>,
}

impl View {
    pub(super) async fn read(
        store: &impl SessionLogStore,
        query: &Query,
        request: PageRequest,
    ) -> Result<Self> {
        let open = QueryBuilder::from(query.clone()).open_sessions_only(true);
        let open = open.build()?;
        let (page, open, first, last) = try_join4(
            store.page(query, request),
            store.count(&open),
            // The first page has it.
            async {
                match request.page_request_index() {
                    0 => Ok(None),
                    _ => first_start(store, query, Order::OldestFirst).await,
                }
            },
            first_start(store, query, Order::NewestFirst),
        )
        .await?;
        let first = first.or_else(|| start_of(&page).filter(|_| page.page_index == 0));
        let chart = match (first, last) {
            (Some(first), Some(last)) => Chart::read(store, query, (first, last)).await?,
            _ => None,
        };
        // One more may have begun before they were counted.
        let open = open.min(page.total_record_count);
        Ok(Self { page, open, chart })
    }
}

/// When the first session in this order started.
async fn first_start(
    store: &impl SessionLogStore,
    query: &Query,
    order: Order,
) -> Result<Option<DateTime<Utc>>> {
    let query = QueryBuilder::from(query.clone()).order(order).build()?;
    let page = store.page(&query, PageRequest::new(0, 1)?).await?;
    Ok(start_of(&page))
}

fn start_of(page: &Page) -> Option<DateTime<Utc>> {
    page.entries.first().map(|entry| entry.session_start)
}

/// The view of a request, and how it is linked to others.
pub(super) struct Sessions<'a> {
    pub(super) view: &'a View,
    pub(super) request: &'a UserClientSessionLogRequest,
    pub(super) frame: &'a Frame,
    pub(super) now: DateTime<Utc>,
}

impl Sessions<'_> {
    pub(super) fn render(&self) -> Markup {
        let page = &self.view.page;
        html! {
            (self.summary())
            @if let Some(chart) = &self.view.chart {
                (chart.figure(|span| self.of_span(span)))
            }
            section #sessions aria-labelledby="sessions-title" {
                div.bar {
                    h2 #sessions-title { (self.range()) }
                    @if page.total_record_count > 0 { (self.pages("Pages, above the sessions")) }
                }
                @if page.entries.is_empty() {
                    (self.nothing())
                } @else {
                    (self.table())
                    div.bar { (self.formats()) (self.pages("Pages, below the sessions")) }
                }
            }
        }
    }

    fn summary(&self) -> Markup {
        let Page {
            total_record_count,
            total_page_count,
            ..
        } = self.view.page;
        let figures = [
            (total_record_count, "sessions match", ""),
            (self.view.open, "of them are open", "open"),
            (total_page_count, "pages", ""),
        ];
        html! {
            dl.figures {
                @for (figure, name, class) in figures {
                    div class=[(!class.is_empty()).then_some(class)] {
                        dt { (name) } dd { (number(figure)) }
                    }
                }
            }
        }
    }

    fn range(&self) -> String {
        let page = &self.view.page;
        let total = page.total_record_count;
        let first = u64::from(page.page_index) * u64::from(page.records_per_page) + 1;
        let last = first + page.entries.len() as u64 - 1;
        let range = match (first, last) {
            _ if total == 0 => return "No sessions".to_owned(),
            _ if page.entries.is_empty() => return format!("{} in all", counted(total, "session")),
            (first, last) if first == last => format!("Session {}", number(first)),
            (first, last) => format!("Sessions {}–{}", number(first), number(last)),
        };
        let (page, pages) = (u64::from(page.page_index) + 1, page.total_page_count);
        format!(
            "{range} of {}, page {} of {}",
            number(total),
            number(page),
            number(pages)
        )
    }

    fn nothing(&self) -> Markup {
        let page = &self.view.page;
        html! {
            div.empty {
                @if page.total_record_count == 0 {
                    p { "No session matches this filter." }
                    p { a href=(self.frame.carry_on(PAGE)) { "Show all sessions" } }
                } @else {
                    p {
                        "Page " (number(u64::from(page.page_index) + 1)) " lies past the end: there "
                        @if page.total_page_count == 1 { "is " } @else { "are " }
                        (counted(page.total_page_count, "page")) "."
                    }
                    p { a href=(self.of_page(self.last_page())) { "Go to the last page" } }
                }
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            div.scroll tabindex="0" role="region" aria-labelledby="sessions-title" {
                table.sessions role="table" {
                    caption { (self.range()) ", oldest first. All times are UTC." }
                    thead role="rowgroup" { tr role="row" {
                        @for name in ["Start", "End", "Duration", "User", "User id", "Client", "Session id"] {
                            th scope="col" role="columnheader" { (name) }
                        }
                    } }
                    tbody role="rowgroup" {
                        @for entry in &self.view.page.entries { (self.row(entry)) }
                    }
                }
            }
        }
    }

    fn row(&self, entry: &SessionLog) -> Markup {
        let end = entry.session_end.unwrap_or(self.now);
        let duration = duration(end - entry.session_start);
        html! {
            tr role="row" class=[entry.is_open().then_some("open")] {
                td role="cell" data-label="Start" { (Instant(entry.session_start)) }
                td role="cell" data-label="End" {
                    @match entry.session_end {
                        Some(end) => (Instant(end)),
                        None => span.open-mark { "open" },
                    }
                }
                td.duration role="cell" data-label="Duration" {
                    (duration)
                    @if entry.is_open() { " " span.so-far { "so far" } }
                }
                td.name role="cell" data-label="User" {
                    a href=(self.of_user(entry.user_refer_uid)) { (Name(&entry.user)) }
                }
                td.id role="cell" data-label="User id" { (entry.user_refer_uid) }
                td.name role="cell" data-label="Client" { (self.client(&entry.client_refer_uid)) }
                td.id role="cell" data-label="Session id" { (entry.refer_uid) }
            }
        }
    }

    /// The wire has no filter for the empty name, and what looks like one would show everybody.
    fn client(&self, client: &str) -> Markup {
        html! {
            @if client.is_empty() {
                (Name(client))
            } @else {
                a href=(self.of_client(client)) { (Name(client)) }
            }
        }
    }

    fn last_page(&self) -> u32 {
        let last = self.view.page.total_page_count.saturating_sub(1);
        // The wire counts pages in an int32.
        u32::try_from(last.min(i32::MAX.unsigned_abs().into())).unwrap_or(0)
    }

    fn pages(&self, label: &str) -> Markup {
        let (current, last) = (self.view.page.page_index, self.last_page());
        let places = [
            ("First", "first", (current > 0).then_some(0)),
            (
                "Previous",
                "prev",
                current.checked_sub(1).map(|page| page.min(last)),
            ),
            ("Next", "next", (current < last).then_some(current + 1)),
            ("Last", "last", (current < last).then_some(last)),
        ];
        html! {
            nav.pages aria-label=(label) {
                @for (name, relation, page) in places {
                    @match page {
                        Some(page) => a rel=(relation) href=(self.of_page(page)) { (name) },
                        None => span aria-disabled="true" { (name) },
                    }
                    @if name == "Previous" {
                        span.current aria-current="page" { (number(u64::from(current) + 1)) }
                    }
                }
            }
        }
    }

    fn formats(&self) -> Markup {
        let query = self.request.write_form();
        html! {
            p.formats {
                "The same answer as "
                @for format in Format::NAMED {
                    a href=(self.frame.link(&format!("userclientsession/log.{}", format.name()), &query)) {
                        (format.name().to_uppercase())
                    }
                    " "
                }
            }
        }
    }

    fn to(&self, change: impl FnOnce(&mut UserClientSessionLogRequest)) -> String {
        let mut request = self.request.clone();
        request.page_request_index = 0;
        change(&mut request);
        self.frame.link(PAGE, &request.write_form())
    }

    fn of_page(&self, page: u32) -> String {
        self.to(|request| request.page_request_index = i32::try_from(page).unwrap_or(i32::MAX))
    }

    fn of_user(&self, user: Uuid) -> String {
        self.to(|request| request.user_refer_uid = Some(user))
    }

    fn of_client(&self, client: &str) -> String {
        self.to(|request| request.client_refer_uid = Some(client.to_owned()))
    }

    /// The span, cut to the bounds that are set.
    fn of_span(&self, span: &Span) -> String {
        self.to(|request| {
            request.started_after = request.started_after.max(span.started_after);
            let before = [request.started_before, span.started_before];
            request.started_before = before.into_iter().flatten().min();
        })
    }
}
